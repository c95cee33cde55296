#!/usr/bin/node
// The CGI counter in Node; QUERY_STRING is the interval in seconds.
process.stdout.write('Content-Type: text/event-stream\r\n' +
  'Cache-Control: no-cache\r\n\r\n');
let n = 0;
function tick() {
  n++;
  process.stdout.write(
    `id: ${n}\ndata: ${n} ${process.hrtime.bigint()}\n\n`);
}
tick();
setInterval(tick, process.env.QUERY_STRING * 1000);
