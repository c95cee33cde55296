// decode: random streams out of the format's own tokens, through
// build/tests/tools/decode, sse-cat -j and www/sse.js, compared with two other
// decoders: the standard's text, written down below as it reads, and
// eventsource-parser.
//
//     node decode.mjs STREAMS [SEED]
//
// Where eventsource-parser 3.1 differs from the standard:
// - It takes text, so the bytes are decoded first, as the standard says: as
//   UTF-8 without its byte order mark. (It would drop the letters of that
//   mark in Latin-1, at the start: no token makes them.)
// - It waits for what follows a CR. At the end of a stream, where nothing
//   does, an LF makes it a CRLF, which means the same.
// - It forgets the last event id after each event, and that of a frame
//   without data at once: an event's id is compared where it has one.
import { spawnSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { createParser } from 'eventsource-parser'

const count = Number(process.argv[2] ?? 1000)
const seed = Number(process.argv[3] ?? Date.now() % 1e9)
const top = new URL('../..', import.meta.url).pathname

// Mulberry32.
let state = seed
function random(below) {
  state = (state + 0x6d2b79f5) | 0
  let t = Math.imul(state ^ (state >>> 15), 1 | state)
  t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t
  return ((t ^ (t >>> 14)) >>> 0) % below
}

const tokens = ['data', 'data:', 'data: ', 'data:x\n', 'data: y\r\n', 'event',
  'event:', 'event: z\n', 'id', 'id:', 'id: 7\r', 'retry', 'retry:',
  'retry: 250\n', 'data\n\n', 'id\n', 'event\r', ':', ': c\n', ' ', '  ', '\n',
  '\n', '\r', '\r\n', '\n\n', '\r\r', '\r\n\r\n', '\n\r', '\0', '\ufeff',
  '\ufeff', 'a', '1', '07', 'x', 'dat', 'datas', 'Data:', 'é', '€', '😀',
  '"', '\\', '\t', '\x7f', '\u2028', 'q'.repeat(70)].map(t => Buffer.from(t))
tokens.push(...[[0xff], [0xe2, 0x82], [0xf0, 0x9f, 0x98], [0xf0, 0x80], [0x80],
  [0xed, 0xa0, 0x80], [0xc0, 0xaf], [0xc3]].map(t => Buffer.from(t)))

// Half of the tokens are of the first twenty or so: fields and line ends.
const frequent = tokens.findIndex(t => t.toString() === ': c\n')

function stream() {
  const parts = []
  for (let i = random(32); i >= 0; i--)
    parts.push(random(4) === 0 ? Buffer.from('\n') :
      tokens[random(random(2) ? frequent : tokens.length)])
  if (random(2))
    parts.push(Buffer.from('\n\n'))
  return Buffer.concat(parts)
}

// The standard, sections 9.2.5 and 9.2.6, as it reads.
function standard(text) {
  const out = []
  let data = '', type = '', id = '', own = false
  const lines = text.split(/\r\n|\n|\r/)
  lines.pop() // no end of line: incomplete
  for (const line of lines) {
    if (line === '') {
      if (data !== '')
        out.push({ event: type, id, data: data.replace(/\n$/, ''), own })
      data = type = ''
      own = false
      continue
    }
    const colon = line.indexOf(':')
    if (colon === 0)
      continue
    const field = colon < 0 ? line : line.slice(0, colon)
    const value = colon < 0 ? '' : line.slice(colon + 1).replace(/^ /, '')
    if (field === 'event')
      type = value
    else if (field === 'data')
      data += value + '\n'
    else if (field === 'id' && !value.includes('\0'))
      (id = value, own = true)
    else if (field === 'retry' && /^[0-9]+$/.test(value))
      out.push({ retry: parseInt(value, 10) })
  }
  return out
}

function library(text) {
  const out = []
  const parser = createParser({
    onEvent: e => out.push({ event: e.event ?? '', id: e.id, data: e.data }),
    onRetry: retry => out.push({ retry }),
  })
  parser.feed(text.endsWith('\r') ? text + '\n' : text)
  return out
}

// A page's reader, as the bytes come: a few at a time, also none.
const { readEvents } = await import('data:text/javascript,' +
  encodeURIComponent(readFileSync(`${top}www/sse.js`, 'utf8')))

async function reader(bytes) {
  const out = [], place = {}
  const body = new ReadableStream({
    start(queue) {
      for (let at = 0, next; at < bytes.length; at = next) {
        next = at + random(4)
        queue.enqueue(bytes.subarray(at, next))
      }
      queue.close()
    },
  })
  for await (const { type, data, lastEventId } of readEvents(body, place))
    out.push({ event: type, id: lastEventId, data })
  return { out, place }
}

async function compareReader(bytes, want) {
  const { out, place } = await reader(bytes)
  const retry = want.findLast(one => one.retry !== undefined)
  same(out, asPrinted(want).map(({ retry, ...rest }) => rest), 'sse.js',
    bytes)
  same(place.retry, retry?.retry, "sse.js's retry", bytes)
}

function run(program, args, input) {
  const result = spawnSync(program, args, { input, maxBuffer: 1 << 30 })
  if (result.status !== 0)
    throw new Error(`${program}: ${result.status} ${result.stderr}`)
  return result.stdout.toString('latin1')
}

// Strict: what is printed must be UTF-8.
function lines(latin1) {
  const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })
    .decode(Buffer.from(latin1, 'latin1'))
  return utf8.split('\n').filter(line => line).map(line => JSON.parse(line))
}

function same(a, b, what, bytes) {
  if (JSON.stringify(a) === JSON.stringify(b))
    return
  console.error(`${what} differs (seed ${seed}): ${JSON.stringify(
    bytes.toString('latin1'))}\n${JSON.stringify(a)}\n${JSON.stringify(b)}`)
  process.exit(1)
}

// sse-cat -j says the type of every event, and a retry with the next event.
function asPrinted(list) {
  const out = []
  let retry
  for (const one of list) {
    if (one.retry !== undefined) {
      retry = one.retry
      continue
    }
    out.push({ event: one.event || 'message', id: one.id, data: one.data,
      ...(retry !== undefined && { retry }) })
    retry = undefined
  }
  return out
}

function compare(bytes, answer, text) {
  const got = lines(answer)
  const want = standard(text)
  same(got, want.map(({ own, ...rest }) => own ? { ...rest, own: 1 } : rest),
    'the standard', bytes)
  const other = library(text)
  same(got.map(({ own, id, ...rest }) => rest),
    other.map(({ id, ...rest }) => rest), 'eventsource-parser', bytes)
  other.forEach((event, i) => event.id !== undefined &&
    same(got[i].id, event.id, "eventsource-parser's id", bytes))
  return want
}

let events = 0
for (let done = 0; done < count; done += 10000) {
  const streams = []
  for (let i = 0; i < 10000 && done + i < count; i++)
    streams.push(stream())
  const answers = run(`${top}build/tests/tools/decode`, [], Buffer.concat(
    streams.flatMap(bytes => {
      const head = Buffer.alloc(4)
      head.writeUInt32BE(bytes.length)
      return [head, bytes]
    }))).split(/(?<=^|\n)\n/)
  for (const [i, bytes] of streams.entries()) {
    const text = new TextDecoder().decode(bytes)
    const want = compare(bytes, answers[i], text)
    events += want.length
    if (i % 1000 === 0)
      same(lines(run(`${top}sse-cat`, ['-j'], bytes)), asPrinted(want),
        'sse-cat', bytes)
    await compareReader(bytes, want)
  }
}
console.log(`${count} streams, ${events} events and retry fields, seed ${seed}`)
