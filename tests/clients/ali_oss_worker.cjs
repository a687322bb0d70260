// Runs under Node.js: makes an ali-oss client and calls its methods, as remote.py asks, one line of JSON each way.
'use strict';
const OSS = require('ali-oss');
const readline = require('node:readline');

const unpack = (_, value) =>
  value && typeof value === 'object' && '$bytes' in value ? Buffer.from(value.$bytes, 'base64') : value;

// The library's answers hold sockets and requests: keep what is data.
function plain(value, depth = 0) {
  if (Buffer.isBuffer(value)) return { $bytes: value.toString('base64') };
  if (value instanceof Date) return value.toISOString();
  if (Array.isArray(value)) return value.map((item) => plain(item, depth + 1));
  if (value && typeof value === 'object') {
    if (depth > 5) return null;
    const kept = {};
    for (const [name, item] of Object.entries(value)) {
      if (name === 'res') kept.res = { status: item.status, headers: plain(item.headers, depth + 1) };
      else if (typeof item !== 'function') kept[name] = plain(item, depth + 1);
    }
    return kept;
  }
  return value;
}

async function main() {
  let client = null;
  for await (const line of readline.createInterface({ input: process.stdin })) {
    const asked = JSON.parse(line, unpack);
    let reply;
    try {
      if (client === null) {
        client = new OSS(asked);
        reply = { result: null };
      } else {
        reply = { result: plain(await client[asked.method](...asked.args)) ?? null };
      }
    } catch (error) {
      reply = { error: [error.code || error.name, error.message, error.status ?? null] };
    }
    process.stdout.write(JSON.stringify(reply) + '\n');
  }
}

main();
