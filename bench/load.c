/* A load generator that costs little, so that on a small machine the server is measured and not the client.
 *
 * It sends a pool of HTTP/1.1 requests that were made (and signed) beforehand, over a fixed number of connections, each
 * with one request in flight, and checks every answer: its status, and byte for byte its body where the pool says what
 * it must be. One thread, epoll, no allocation after the start. bench/load.py compiles and drives it, and describes the
 * pool's format.
 *
 *     load PORT CONNECTIONS SECONDS LOOP POOL BODIES LATENCIES
 *
 * With LOOP 0 each request is sent at most once; with 1 the pool is repeated. No request begins after SECONDS; those
 * under way are finished. LATENCIES receives one float (microseconds, first byte sent to last byte received) for each
 * good answer; standard output one line of JSON. */

#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

#define BUFFER_BYTES (256 * 1024) /* holds any reply head, and a piece of body */
#define CONNECTIONS_MAX 1024
#define GRACE_S 60 /* how long requests under way at the end may still take */
#define ANY UINT64_MAX

struct request { /* as in the pool file, all little-endian; the head follows */
    uint32_t head_bytes, is_head;
    uint64_t body_at, body_bytes; /* what to send, within BODIES */
    uint64_t want_at, want_bytes; /* what must come back; want_at ANY: any bytes of that length; want_bytes ANY: any */
};

enum framing { HEAD_COMING, COUNTED, CHUNK_SIZE, CHUNK_DATA, CHUNK_END, TRAILER, UNTIL_CLOSE, DONE };

struct connection {
    int fd, used; /* used: answers received on this socket */
    uint32_t events;
    const struct request *request;
    const char *head;
    uint64_t sent, received, left; /* received: body bytes; left: of the body or of the chunk */
    double began;
    enum framing framing;
    int status, closing, wrong, retried;
    size_t filled;
    char buffer[BUFFER_BYTES + 1];
};

static const char *pool, *bodies;
static size_t pool_bytes, pool_at;
static int port, loop, poller, active;
static double deadline;
static FILE *latencies;
static uint64_t taken, good, bad_status, bad_body, broken, reconnects, bytes_in;
static int first_bad_status;
static char first_bad[400];
static double last_answer;

static double now(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec + t.tv_nsec * 1e-9;
}

static void die(const char *what) {
    perror(what);
    exit(2);
}

static const char *map(const char *path, size_t *size) {
    struct stat info;
    int fd = open(path, O_RDONLY);
    if (fd < 0 || fstat(fd, &info) < 0) die(path);
    *size = (size_t)info.st_size;
    if (*size == 0) return "";
    const char *at = mmap(NULL, *size, PROT_READ, MAP_PRIVATE | MAP_POPULATE, fd, 0);
    if (at == MAP_FAILED) die(path);
    close(fd);
    return at;
}

static void watch(struct connection *c, uint32_t events) {
    if (c->events == events) return;
    struct epoll_event event = {.events = events, .data.ptr = c};
    if (epoll_ctl(poller, c->events ? EPOLL_CTL_MOD : EPOLL_CTL_ADD, c->fd, &event) < 0) die("epoll_ctl");
    c->events = events;
}

static void dial(struct connection *c) {
    struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    int one = 1;
    c->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (c->fd < 0 || connect(c->fd, (struct sockaddr *)&to, sizeof to) < 0) die("connect");
    setsockopt(c->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    fcntl(c->fd, F_SETFL, O_NONBLOCK);
    c->used = 0;
    c->events = 0;
}

static void hang_up(struct connection *c) {
    if (c->fd >= 0) close(c->fd);
    c->fd = -1;
    c->events = 0;
}

static void drive(struct connection *c);

static void restart(struct connection *c) {
    c->sent = c->received = c->left = 0;
    c->filled = 0;
    c->framing = HEAD_COMING;
    c->status = c->closing = c->wrong = 0;
    if (c->fd < 0) {
        dial(c);
        reconnects++;
    }
    drive(c);
}

/* Take the next request of the pool, or end this connection. */
static int next(struct connection *c) {
    if (pool_at >= pool_bytes && loop) pool_at = 0;
    if (pool_at >= pool_bytes || now() >= deadline) {
        hang_up(c);
        active--;
        return 0;
    }
    c->request = (const struct request *)(pool + pool_at);
    c->head = pool + pool_at + sizeof(struct request);
    pool_at += (sizeof(struct request) + c->request->head_bytes + 7) & ~(size_t)7;
    taken++;
    c->retried = 0;
    c->began = now();
    restart(c);
    return 1;
}

static void note(struct connection *c, uint64_t *counter) {
    if (!bad_status && !bad_body && !broken) {
        first_bad_status = c->status;
        size_t n = c->filled < sizeof first_bad - 1 ? c->filled : sizeof first_bad - 1;
        for (size_t i = 0; i < n; i++) {
            char x = c->buffer[i];
            first_bad[i] = x < ' ' || x > '~' || x == '"' || x == '\\' ? ' ' : x;
        }
        first_bad[n] = 0;
    }
    (*counter)++;
}

static void answered(struct connection *c) {
    const struct request *r = c->request;
    last_answer = now();
    c->used++;
    if (c->status < 200 || c->status > 299) note(c, &bad_status);
    else if (c->wrong || (!r->is_head && r->want_bytes != ANY && c->received != r->want_bytes)) note(c, &bad_body);
    else {
        float micros = (float)((last_answer - c->began) * 1e6);
        fwrite(&micros, sizeof micros, 1, latencies);
        good++;
    }
    if (c->closing || c->sent < r->head_bytes + r->body_bytes) hang_up(c);
    next(c);
}

/* The connection ended or failed before the answer was whole. */
static void lost(struct connection *c) {
    int idle_closed = c->used > 0 && c->framing == HEAD_COMING && c->filled == 0 && !c->retried;
    hang_up(c);
    if (idle_closed) { /* the server closed a kept connection just as we used it: RFC 9112, 9.3.1 */
        c->retried = 1;
        restart(c);
        return;
    }
    note(c, &broken);
    next(c);
}

static void body_piece(struct connection *c, const char *at, size_t n) {
    const struct request *r = c->request;
    bytes_in += n;
    if (r->want_bytes != ANY && r->want_at != ANY && c->status < 300) {
        if (c->received + n > r->want_bytes || memcmp(at, bodies + r->want_at + c->received, n) != 0) c->wrong = 1;
    }
    c->received += n;
}

static void parse_head(struct connection *c, size_t head_bytes) {
    char *line = c->buffer, *end = c->buffer + head_bytes;
    int chunked = 0, minor = 1;
    uint64_t length = ANY;
    char saved = *end;
    *end = 0;
    if (sscanf(line, "HTTP/1.%d %d", &minor, &c->status) != 2) c->status = 0;
    c->closing = minor == 0;
    for (line = strchr(line, '\n'); line && line + 1 < end; line = strchr(line, '\n')) {
        line++;
        if (!strncasecmp(line, "content-length:", 15)) length = strtoull(line + 15, NULL, 10);
        else if (!strncasecmp(line, "transfer-encoding:", 18)) chunked = strncasecmp(line + 18, " chunked", 8) == 0;
        else if (!strncasecmp(line, "connection: close", 17)) c->closing = 1;
        else if (!strncasecmp(line, "connection: keep-alive", 22)) c->closing = 0;
    }
    *end = saved;
    if (c->request->is_head || c->status == 204 || c->status == 304) {
        if (c->request->want_bytes != ANY && length != c->request->want_bytes) c->wrong = 1;
        c->framing = DONE;
    } else if (chunked) c->framing = CHUNK_SIZE;
    else if (length != ANY) {
        c->left = length;
        c->framing = length ? COUNTED : DONE;
    } else {
        c->framing = UNTIL_CLOSE;
        c->closing = 1;
    }
}

/* Work through what was received; what is left over stays at the buffer's start. */
static void parse(struct connection *c) {
    size_t at = 0;
    while (at < c->filled && c->framing != DONE) {
        char *from = c->buffer + at;
        size_t n = c->filled - at;
        if (c->framing == HEAD_COMING) {
            char *end = memmem(from, n, "\r\n\r\n", 4);
            if (!end) break;
            size_t head = (size_t)(end + 4 - from);
            if (!strncmp(from, "HTTP/1.1 100", 12)) { at += head; continue; }
            parse_head(c, head);
            at += head;
        } else if (c->framing == CHUNK_SIZE || c->framing == CHUNK_END || c->framing == TRAILER) {
            char *end = memchr(from, '\n', n);
            if (!end) break;
            int empty = end == from || (end == from + 1 && *from == '\r');
            if (c->framing == CHUNK_SIZE) {
                c->left = strtoull(from, NULL, 16);
                c->framing = c->left ? CHUNK_DATA : TRAILER;
            } else if (c->framing == CHUNK_END) c->framing = CHUNK_SIZE;
            else if (empty) c->framing = DONE;
            at += (size_t)(end + 1 - from);
        } else {
            size_t take = c->framing == UNTIL_CLOSE || n < c->left ? n : (size_t)c->left;
            body_piece(c, from, take);
            at += take;
            if (c->framing != UNTIL_CLOSE && (c->left -= take) == 0) c->framing = c->framing == COUNTED ? DONE : CHUNK_END;
        }
    }
    memmove(c->buffer, c->buffer + at, c->filled - at);
    c->filled -= at;
}

static int receive(struct connection *c) { /* 0: the connection went on to another request, or ended */
    for (;;) {
        ssize_t n = recv(c->fd, c->buffer + c->filled, BUFFER_BYTES - c->filled, 0);
        if (n < 0 && (errno == EAGAIN || errno == EINTR)) return 1;
        if (n <= 0) {
            if (n == 0 && c->framing == UNTIL_CLOSE) answered(c);
            else lost(c);
            return 0;
        }
        c->filled += (size_t)n;
        parse(c);
        if (c->framing == DONE) {
            answered(c);
            return 0;
        }
        if (c->filled == BUFFER_BYTES) {
            lost(c);
            return 0;
        }
    }
}

static void drive(struct connection *c) {
    const struct request *r = c->request;
    uint64_t total = r->head_bytes + r->body_bytes;
    while (c->sent < total) {
        struct iovec piece[2];
        int count = 0;
        if (c->sent < r->head_bytes) piece[count++] = (struct iovec){(void *)(c->head + c->sent), r->head_bytes - c->sent};
        uint64_t from = c->sent > r->head_bytes ? c->sent - r->head_bytes : 0;
        if (r->body_bytes) piece[count++] = (struct iovec){(void *)(bodies + r->body_at + from), r->body_bytes - from};
        struct msghdr message = {.msg_iov = piece, .msg_iovlen = (size_t)count};
        ssize_t n = sendmsg(c->fd, &message, MSG_NOSIGNAL);
        if (n < 0 && (errno == EAGAIN || errno == EINTR)) break;
        if (n < 0) { /* an early answer may be waiting to be read */
            c->closing = 1;
            break;
        }
        c->sent += (uint64_t)n;
    }
    watch(c, c->sent < total && !c->closing ? EPOLLIN | EPOLLOUT : EPOLLIN);
}

int main(int argc, char **argv) {
    if (argc != 8) {
        fprintf(stderr, "usage: load PORT CONNECTIONS SECONDS LOOP POOL BODIES LATENCIES\n");
        return 2;
    }
    size_t bodies_bytes;
    int connections = atoi(argv[2]);
    if (connections < 1 || connections > CONNECTIONS_MAX) return 2;
    port = atoi(argv[1]);
    loop = atoi(argv[4]);
    pool = map(argv[5], &pool_bytes);
    bodies = map(argv[6], &bodies_bytes);
    latencies = fopen(argv[7], "wb");
    if (!latencies) die(argv[7]);
    poller = epoll_create1(EPOLL_CLOEXEC);
    struct connection *all = calloc((size_t)connections, sizeof *all);
    if (!all || poller < 0) die("start");
    for (int i = 0; i < connections; i++) {
        dial(&all[i]);
    }
    double began = now();
    deadline = began + atof(argv[3]);
    active = connections;
    for (int i = 0; i < connections; i++) next(&all[i]);
    while (active > 0 && now() < deadline + GRACE_S) {
        struct epoll_event ready[64];
        int n = epoll_wait(poller, ready, 64, 1000);
        for (int i = 0; i < n; i++) {
            struct connection *c = ready[i].data.ptr;
            if (c->fd < 0 || !c->events) continue;
            if ((ready[i].events & (EPOLLIN | EPOLLHUP | EPOLLERR)) && !receive(c)) continue;
            if (ready[i].events & EPOLLOUT) drive(c);
        }
    }
    fclose(latencies);
    printf("{\"taken\":%lu,\"good\":%lu,\"bad_status\":%lu,\"bad_body\":%lu,\"broken\":%lu,\"unfinished\":%d,"
           "\"reconnects\":%lu,\"bytes_in\":%lu,\"elapsed_s\":%.6f,\"first_bad_status\":%d,\"first_bad\":\"%s\"}\n",
           taken, good, bad_status, bad_body, broken, active, reconnects, bytes_in, last_answer - began,
           first_bad_status, first_bad);
    return 0;
}
