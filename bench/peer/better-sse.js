// The same with better-sse's channel, with ids of our own as Express has
// them (its default is a random UUID an event, and JSON).
import { createServer } from 'node:http';
import { Readable } from 'node:stream';
import { createChannel, createSession } from 'better-sse';

const { PORT, INTERVAL_MS } = process.env;
const options = { serializer: String, keepAlive: null };
const channel = createChannel();

function* lines(count, bytes) {
  const padding = 'x'.repeat(bytes);

  for (let n = 1; n <= count; n++)
    yield `${n} ${padding}`;
}

createServer(async (request, response) => {
  const { pathname, searchParams } = new URL(request.url, 'http://localhost');
  const session = await createSession(request, response, options);

  if (pathname === '/events') {
    channel.register(session);
    return;
  }
  await session.stream(Readable.from(
    lines(searchParams.get('count'), searchParams.get('bytes'))));
  response.end();
}).listen(PORT, '127.0.0.1', 4096);

let n = 0;
setInterval(() => {
  const data = `${++n} ${process.hrtime.bigint()}`;
  channel.broadcast(data, 'message', { eventId: String(n) });
}, INTERVAL_MS);
