// The counter of the Express article, with one timer for all viewers (which
// is in its favour) and the clock in its data. /stream is for throughput.
import { once } from 'node:events';
import express from 'express';

const { PORT, INTERVAL_MS } = process.env;
const viewers = new Set();
const app = express();

function open(response) {
  response.set({
    'Cache-Control': 'no-cache',
    'Content-Type': 'text/event-stream',
    'Connection': 'keep-alive',
  });
  response.flushHeaders();
  response.write('retry: 10000\n\n');
}

app.get('/events', (request, response) => {
  open(response);
  viewers.add(response);
  request.on('close', () => viewers.delete(response));
});

app.get('/stream', async (request, response) => {
  const { count, bytes } = request.query;
  const padding = 'x'.repeat(bytes);

  open(response);
  for (let n = 1; n <= count; n++)
    if (!response.write(`data: ${n} ${padding}\n\n`))
      await once(response, 'drain');
  response.end();
});

let n = 0;
setInterval(() => {
  const frame = `id: ${++n}\ndata: ${n} ${process.hrtime.bigint()}\n\n`;
  for (const response of viewers)
    response.write(frame);
}, INTERVAL_MS);

app.listen(PORT, '127.0.0.1', 4096);
