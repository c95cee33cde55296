// Opens streams of one URL on one HTTP/2 connection without TLS, and ends
// once each of them has had the event asked for: curl 7.88 keeps all but the
// first waiting. Arguments: the URL, how many, the data of that event.
import http2 from 'node:http2';

const [url, count, data] = process.argv.slice(2);
const { origin, pathname } = new URL(url);
const session = http2.connect(origin);
let waiting = Number(count);

session.on('error', (error) => {
	console.error(error.message);
	process.exit(1);
});
for (let i = 0; i < Number(count); i++) {
	const stream = session.request({ ':path': pathname });
	let body = '', had = false;

	stream.setEncoding('utf8');
	stream.on('response', (header) =>
		console.log(header[':status'], header['content-type']));
	stream.on('data', (chunk) => {
		body += chunk;
		if (had || !body.includes(`data: ${data}\n\n`))
			return;
		had = true;
		// all are still open: the last one ends them
		if (--waiting === 0)
			process.exit(0);
	});
	stream.on('close', () => process.exit(1));
}
