/* Faults of a disk, put between a program and the C library. How to use it: shim.py.
 *
 * Only files below one folder are touched. What is to go wrong stands in a small file that all processes map, so that
 * a test can say so while they run, and read how often it happened.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <sys/uio.h>
#include <unistd.h>

#define PUBLIC __attribute__((visibility("default")))

/* The same layout as shim.py's CONTROL. */
struct control {
    int32_t sync_errors; /* so many syncs fail with EIO */
    int32_t full;        /* not 0: whatever needs room fails with ENOSPC */
    int32_t tear;        /* counted down by each write; the one that makes it 0 writes half, and kills the process */
    int32_t injected;    /* counted up by each fault */
    char only[256];      /* touch only files whose path ends so; empty: all */
};

static struct control *control;
static char folder[PATH_MAX];
static size_t folder_length;

__attribute__((constructor)) static void begin(void) {
    const char *file = getenv("SAMPAN_FAULTS_CONTROL"), *below = getenv("SAMPAN_FAULTS_FOLDER");
    if (!file || !below || !realpath(below, folder)) return;
    folder_length = strlen(folder);
    int fd = open(file, O_RDWR | O_CLOEXEC);
    if (fd < 0) return;
    void *mapped = mmap(NULL, sizeof *control, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    close(fd);
    if (mapped != MAP_FAILED) control = mapped;
}

/* Is `fd` a file that faults are meant for? Leaves errno alone. */
static int meant(int fd) {
    if (!control) return 0;
    int saved = errno;
    char link[64], path[PATH_MAX];
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t length = readlink(link, path, sizeof path - 1);
    errno = saved;
    if (length < (ssize_t)folder_length) return 0;
    path[length] = 0;
    if (strncmp(path, folder, folder_length) || (path[folder_length] != '/' && path[folder_length])) return 0;
    size_t end = strnlen(control->only, sizeof control->only);
    return end <= (size_t)length && !memcmp(path + length - end, control->only, end);
}

/* Count `*counter` down; is this one of those that it counts? `last` gets whether it is the one that ends at 0. */
static int counted(int32_t *counter, int *last) {
    int32_t now = __atomic_load_n(counter, __ATOMIC_SEQ_CST);
    while (now > 0)
        if (__atomic_compare_exchange_n(counter, &now, now - 1, 0, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST)) {
            if (last) *last = now == 1;
            return 1;
        }
    return 0;
}

static int inject(int error) {
    __atomic_add_fetch(&control->injected, 1, __ATOMIC_SEQ_CST);
    errno = error;
    return -1;
}

static int full(int fd) { return meant(fd) && __atomic_load_n(&control->full, __ATOMIC_SEQ_CST); }

/* Is this write to be torn? */
static int torn(int fd) {
    int last = 0;
    return meant(fd) && counted(&control->tear, &last) && last;
}

static void die(void) {
    inject(0);
    kill(getpid(), SIGKILL);
    pause();
}

#define REAL(name) ({ static __typeof__(&name) real; if (!real) real = dlsym(RTLD_NEXT, #name); real; })

PUBLIC ssize_t write(int fd, const void *data, size_t size) {
    if (full(fd)) return inject(ENOSPC);
    if (torn(fd)) { REAL(write)(fd, data, size / 2); die(); }
    return REAL(write)(fd, data, size);
}

#define PWRITE(name, offset_type)                                                                                    \
    PUBLIC ssize_t name(int fd, const void *data, size_t size, offset_type offset) {                                 \
        if (full(fd)) return inject(ENOSPC);                                                                         \
        if (torn(fd)) { REAL(name)(fd, data, size / 2, offset); die(); }                                             \
        return REAL(name)(fd, data, size, offset);                                                                   \
    }
PWRITE(pwrite, off_t)
PWRITE(pwrite64, off64_t)

/* Half of the first piece is less than half of all, and as good. */
PUBLIC ssize_t writev(int fd, const struct iovec *pieces, int count) {
    if (full(fd)) return inject(ENOSPC);
    if (torn(fd)) { if (count) REAL(write)(fd, pieces[0].iov_base, pieces[0].iov_len / 2); die(); }
    return REAL(writev)(fd, pieces, count);
}

#define PWRITEV(name, offset_type)                                                                                   \
    PUBLIC ssize_t name(int fd, const struct iovec *pieces, int count, offset_type offset) {                         \
        if (full(fd)) return inject(ENOSPC);                                                                         \
        if (torn(fd)) { if (count) REAL(pwrite)(fd, pieces[0].iov_base, pieces[0].iov_len / 2, offset); die(); }     \
        return REAL(name)(fd, pieces, count, offset);                                                                \
    }
PWRITEV(pwritev, off_t)
PWRITEV(pwritev64, off64_t)

#define PWRITEV2(name, offset_type)                                                                                  \
    PUBLIC ssize_t name(int fd, const struct iovec *pieces, int count, offset_type offset, int flags) {              \
        if (full(fd)) return inject(ENOSPC);                                                                         \
        if (torn(fd)) { if (count) REAL(pwrite)(fd, pieces[0].iov_base, pieces[0].iov_len / 2, offset); die(); }     \
        return REAL(name)(fd, pieces, count, offset, flags);                                                         \
    }
PWRITEV2(pwritev2, off_t)
PWRITEV2(pwritev64v2, off64_t)

#define SYNC(name)                                                                                                   \
    PUBLIC int name(int fd) {                                                                                        \
        if (meant(fd) && counted(&control->sync_errors, NULL)) return inject(EIO);                                   \
        return REAL(name)(fd);                                                                                       \
    }
SYNC(fsync)
SYNC(fdatasync)

#define TRUNCATE(name, offset_type)                                                                                  \
    PUBLIC int name(int fd, offset_type size) {                                                                      \
        /* To make a file shorter needs no room. */                                                                  \
        struct stat now;                                                                                             \
        if (full(fd) && fstat(fd, &now) == 0 && size > now.st_size) return inject(ENOSPC);                           \
        return REAL(name)(fd, size);                                                                                 \
    }
TRUNCATE(ftruncate, off_t)
TRUNCATE(ftruncate64, off64_t)

#define FALLOCATE(name, offset_type)                                                                                 \
    PUBLIC int name(int fd, int mode, offset_type offset, offset_type size) {                                        \
        if (full(fd)) return inject(ENOSPC);                                                                         \
        return REAL(name)(fd, mode, offset, size);                                                                   \
    }
FALLOCATE(fallocate, off_t)
FALLOCATE(fallocate64, off64_t)

#define POSIX_FALLOCATE(name, offset_type)                                                                           \
    PUBLIC int name(int fd, offset_type offset, offset_type size) {                                                  \
        if (full(fd)) { inject(ENOSPC); return ENOSPC; }                                                             \
        return REAL(name)(fd, offset, size);                                                                         \
    }
POSIX_FALLOCATE(posix_fallocate, off_t)
POSIX_FALLOCATE(posix_fallocate64, off64_t)
