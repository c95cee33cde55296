/*
 * doctor.js: tests a web server that has cgi-bin/doctor; each row of the page
 * is one test.
 */
const $ = id => document.getElementById(id);
const later = ms => new Promise(done => setTimeout(done, ms));
const ROWS = [
	["program", "The doctor’s program", examineProgram],
	["flow", "Events one by one", examineFlow],
	["between", "Proxies and compression", examineBetween],
	["origin", "Pages of other sites", examineOrigin],
	["id", "Last-Event-ID", examineId],
	["version", "HTTP version", examineVersion],
	["end", "The program’s end", examineEnd],
	["silence", "Silence", examineSilence],
	["streams", "Streams at once", examineStreams],
];
const FLOW_MS = 20000; // time limit; the stream "flow" should take 2 s

const SILENCE_S = 17; // a little more than -k; used if none is given

let url, about, answer; // the program's address, report and last answer
let silence; // result of the silent stream, which runs beside other rows

/* ---- rows ---- */

function setRow(name, mark, ...words) {
	const row = $("row-" + name);

	row.querySelector(".mark").dataset.mark = mark;
	row.querySelector(".mark").textContent =
		{bad: "✗ bad", note: "! note", good: "✓ good"}[mark] ?? mark;
	row.querySelectorAll("p").forEach(p => p.remove());
	for (const text of words) {
		const p = document.createElement("p");
		/* text between backquotes is code */
		text.split("`").forEach((part, i) => {
			const node = document.createElement(i % 2 ? "code" : "span");
			node.textContent = part;
			p.append(node);
		});
		row.append(p);
	}
	return mark;
}

async function examine() {
	const marks = [];

	url = $("url").value.trim();
	$("rows").replaceChildren(...ROWS.map(([name, title]) => {
		const row = document.createElement("li");
		row.id = "row-" + name;
		for (const [name, words] of [["span", "waiting"], ["h2", title]])
			row.append(Object.assign(document.createElement(name),
				{textContent: words}));
		row.firstChild.className = "mark";
		return row;
	}));
	for (const [i, [name, , examineRow]] of ROWS.entries()) {
		$("verdict").textContent = `Examining: ${i + 1} of ${ROWS.length} …`;
		setRow(name, "running …");
		marks.push(await examineRow());
		if (name === "program" && marks[0] === "bad")
			break;
		if (name === "program")
			silence = watchSilence();
	}
	for (const [name] of ROWS.slice(marks.length))
		setRow(name, "not examined");
	if (marks.length === 1) {
		$("verdict").textContent = "Nothing was examined: the doctor’s program " +
			"is not there.";
		return;
	}
	const sick = marks.filter(mark => mark === "bad").length;
	$("verdict").textContent = sick === 0
		? "This server streams as it should."
		: `This server does not stream as it should: ${sick} of ` +
			`${marks.length} rows say why.`;
}

/* The usual remedy on this server if it buffers a stream. */
function mend() {
	const names = about.software + " " + (answer.headers.get("Server") ?? "");

	if (/lighttpd/i.test(names))
		return "lighttpd: `server.stream-response-body = 2`";
	if (/nginx/i.test(names))
		return 'nginx: `fastcgi_param NO_BUFFERING "";` and ' +
			"`fastcgi_buffering off;`, as a proxy `proxy_buffering off;`";
	if (/apache/i.test(names))
		return "Apache: with mod_proxy_fcgi `ProxySet flushpackets=on`, with " +
			"mod_fcgid `FcgidOutputBufferSize 0`; leave `text/event-stream` " +
			"out of mod_deflate’s types";
	return "Look for the server’s option that buffers the output of CGI " +
		"programs, and turn it off.";
}

/* ---- tests ---- */

async function examineProgram() {
	let text;

	if (location.protocol === "file:")
		return setRow("program", "bad", "This page was opened from a file. " +
			"Put it on the server and open its address there.");
	try {
		answer = await fetch(url + "?test=about", {cache: "no-store",
			signal: AbortSignal.timeout(15000)});
		text = await answer.text();
	} catch (error) {
		return setRow("program", "bad", error.name === "TimeoutError"
			? "The server does not answer within 15 seconds."
			: "The server does not answer. Is it running?");
	}
	about = Object.fromEntries(text.split("\n").filter(line =>
		line.includes("=")).map(line => [line.slice(0, line.indexOf("=")),
		line.slice(line.indexOf("=") + 1)]));
	if (answer.ok && about.doctor === "1")
		return setRow("program", "good",
			`It runs: ${about.program} under ${about.software}.`);
	if (answer.status === 404)
		return setRow("program", "bad",
			`There is no program at ${url} (404 Not Found).`,
			"Copy `doctor` to the directory for CGI programs, and say above " +
			"where that is.");
	if (answer.status === 403)
		return setRow("program", "bad",
			`The server may not run ${url} (403 Forbidden).`,
			"Is it executable, and is CGI allowed there?");
	if (answer.status >= 500)
		return setRow("program", "bad",
			`It does not start (${answer.status}). ${text.length < 100 &&
				!text.includes("<") ? text : ""}`,
			"The server’s error log says why.");
	return setRow("program", "bad", answer.ok
		? `The server gives ${url} away as a file instead of running it.`
		: `The server refuses the request with status ${answer.status}.`,
	"lighttpd: `cgi.assign`; Apache: `Options +ExecCGI` and `SetHandler " +
		"cgi-script`");
}

/* The time from the first event to the last: 1750 ms if nothing is buffered. */
async function examineFlow() {
	const times = [];
	const source = new EventSource(url + "?test=flow");

	source.onmessage = () => times.push(performance.now());
	for (let waited = 0; times.length < 8 && waited < FLOW_MS; waited += 100)
		await later(100);
	source.close();
	const ms = Math.round(times.at(-1) - times[0]);
	if (times.length < 8)
		return setRow("flow", "bad", `Within ${FLOW_MS / 1000} seconds ` +
			`${times.length} events of 8 came.`, mend());
	if (ms < 300)
		return setRow("flow", "bad", "They came in one lump, all 8 within " +
			`${ms} ms: something keeps them back.`, mend(),
		"If the stream is compressed, see below, leave `text/event-stream` " +
			"out of that.");
	return setRow("flow", "good", `8 events came one by one, over ${ms} ms.`);
}

/* The compression of a test's stream, if any. */
async function encodingOf(test) {
	const stop = new AbortController();

	try {
		const stream = await fetch(`${url}?test=${test}`, {cache: "no-store",
			signal: AbortSignal.any([stop.signal, AbortSignal.timeout(15000)])});
		return stream.headers.get("Content-Encoding");
	} catch {
		return null; // the row of "flow" reports that
	} finally {
		stop.abort();
	}
}

/* Detects a proxy: by its own header fields, or by another Server field. */
async function examineBetween() {
	const front = answer.headers.get("Server") ?? "";
	const name = product => product.split("/")[0];
	const proxy = [about.via, about.forwarded, answer.headers.get("Via")]
		.filter(Boolean).join(", ");
	const encoding = await encodingOf("flow");
	const words = [proxy ? `A proxy is in between: ${proxy}.`
		: front && name(front) !== name(about.software)
			? `A proxy is in between: ${front} before ${about.software}.`
			: "No proxy shows itself.",
	encoding ? `The stream is compressed (${encoding}): harmless where the ` +
		"events come one by one." : "The stream is not compressed."];

	if (!words[0].startsWith("No"))
		words.push("While the server behind it is restarted, most proxies answer " +
			"502, and that ends every page’s EventSource for good: " +
			"`docs/browsers.md` says what to add, and `sse.js` comes back.");
	if (encoding)
		words.push(await encodingOf("plain")
			? "`-H 'Cache-Control: no-transform'` does not keep it plain."
			: "`-H 'Cache-Control: no-cache, no-transform'` keeps it plain.");
	return setRow("between",
		words[0].startsWith("No") && !encoding ? "good" : "note", ...words);
}

/*
 * Whether the header fields of -O arrive. For a page's own site, browsers send
 * Origin with OPTIONS, but not with GET.
 */
async function examineOrigin() {
	const preflight = await fetch(url + "?test=origin", {method: "OPTIONS",
		signal: AbortSignal.timeout(15000)}).catch(() => null);
	const allowed = preflight?.headers.get("Access-Control-Allow-Origin");

	if (preflight?.status === 204 && allowed === "*")
		return setRow("origin", "good", "They can be let in, with `-O`.");
	if (allowed?.includes(","))
		return setRow("origin", "note", "The server lets them read streams by " +
			"itself; with `-O`, too, there are two answers, and browsers " +
			"refuse that.");
	return setRow("origin", "note", "They can be let in only if they send no " +
		"field of their own: OPTIONS gets " +
		`${preflight?.status ?? "nothing"}, not the program’s answer.`);
}

/* The second event says which last event id the reconnection sent. */
function came(query, n) {
	const source = new EventSource(url + "?test=id" + query);
	let seen = 0;

	return Promise.race([later(20000), new Promise(done => {
		source.onmessage = event => {
			if (++seen === n)
				done(event.data === "yes");
		};
	})]).finally(() => source.close());
}

async function examineId() {
	if (await came("", 2))
		return setRow("id", "good", "It arrives: a viewer that comes back " +
			"goes on where it was.");
	if (await came("&lastEventId=doctor-1", 1))
		return setRow("id", "bad", "It does not arrive: the server does not " +
			"pass the header on.", "Use the query instead: " +
			'`new EventSource(url + "?lastEventId=" + id)`');
	return setRow("id", "bad", "It does not arrive, nor does `lastEventId` " +
		"in the query.");
}

async function examineVersion() {
	const protocol = performance.getEntriesByType("resource").findLast(entry =>
		entry.name.includes("?test=about"))?.nextHopProtocol || about.protocol;
	const behind = /^h[23]/.test(protocol) && about.protocol.includes("/1")
		? ` To the program the server says ${about.protocol}: something in ` +
			"front speaks the newer version." : "";

	if (/^h[23]/.test(protocol))
		return setRow("version", "good", `HTTP/${protocol[1]}: many streams ` +
			"share one connection." + behind);
	return setRow("version", "note", `${protocol.toUpperCase()}: a browser ` +
		"opens six streams to a host, for all its tabs together.",
	"HTTP/2 needs TLS in browsers; or share one stream between tabs, as " +
		"`sse.js` does.");
}

function makeToken() {
	return [...crypto.getRandomValues(new Uint8Array(8))]
		.map(byte => byte.toString(16).padStart(2, "0")).join("");
}

/* How many processes of a stream run; NaN if that cannot be seen. */
async function alive(token) {
	const answer = await fetch(`${url}?test=alive&of=${token}`,
		{cache: "no-store", signal: AbortSignal.timeout(15000)});

	return parseInt(await answer.text(), 10);
}

/* Waits for that number of processes; returns how many ms it took. */
async function untilAlive(token, isRight, most) {
	const start = performance.now();

	while (performance.now() - start < most) {
		if (isRight(await alive(token).catch(() => NaN)))
			return performance.now() - start;
		await later(100);
	}
	return Infinity;
}

async function examineEnd() {
	const token = makeToken();
	const source = new EventSource(`${url}?test=stay&token=${token}`);
	const started = await untilAlive(token, n => n > 0, 10000);

	source.close();
	if (started === Infinity)
		return setRow("end", "note", "It cannot be seen from here: the server " +
			"has no /proc, or hides other processes.");
	const ms = Math.round(await untilAlive(token, n => n === 0, 15000));
	if (ms < 1500)
		return setRow("end", "good",
			`The program ends when the page leaves, within ${ms} ms.`);
	if (ms < Infinity)
		return setRow("end", "note", `The program ended ${ms} ms after the ` +
			"page left, at a write: fine with a keepalive (`-k`).");
	return setRow("end", "bad", "The program still runs 15 seconds after " +
		"the page left.", "Bound the life of a stream with `-m SECONDS`; " +
		'lighttpd: `cgi.limits = ( "tcp-fin-propagate" => "SIGTERM" )`');
}

/* A stream that is silent for longer than the keepalive interval. */
function watchSilence() {
	const source = new EventSource(url + "?test=silence");
	const start = performance.now();
	const seconds = () => Math.round((performance.now() - start) / 1000);

	return Promise.race([
		later(1000 * (SILENCE_S + 10)).then(() => ["late", seconds()]),
		new Promise(done => {
			source.onmessage = ({data}) =>
				data === "still" && done(["alive", seconds()]);
			source.onerror = () => done(["cut", seconds()]);
		}),
	]).finally(() => source.close());
}

async function examineSilence() {
	const [how, seconds] = await silence;

	if (how === "alive")
		return setRow("silence", "good", `A stream that says nothing for ` +
			`${SILENCE_S} seconds lives: \`-k 15\`, the default, is enough.`);
	if (how === "cut")
		return setRow("silence", "bad", "A stream that says nothing is cut " +
			`after ${seconds} seconds.`, "Let it speak more often, " +
			`\`-k ${Math.max(1, Math.floor(seconds / 2))}\`, or raise the ` +
			"server’s or the proxy’s time-out.");
	return setRow("silence", "bad", `What comes after ${SILENCE_S} seconds of ` +
		"silence does not arrive.", mend());
}

/* Opens up to twelve streams, and waits until no more of them open. */
async function examineStreams() {
	const TRIED = 12;
	const h1 = $("row-version").textContent.includes("HTTP/1");
	const most = h1 ? 6 : TRIED;
	const token = makeToken();
	const sources = [];
	let open = 0;

	for (let i = 0; i < most; i++) {
		const source = new EventSource(
			`${url}?test=stay&token=${token}&n=${i}`);
		source.addEventListener("message", () => open++, {once: true});
		sources.push(source);
	}
	for (let still = 0, before = 0; open < most && still < 50; still++) {
		await later(100);
		if (open > before)
			still = 0;
		before = open;
	}
	sources.forEach(source => source.close());
	if (open === 0)
		return setRow("streams", "bad",
			"No stream that stays open gets through.", mend());
	if (open === most)
		return setRow("streams", "good", h1
			? "6 streams are open, as many as a browser opens over HTTP/1.1."
			: `${open} streams are open, as many as were tried.`,
		"How many the server takes in all says `tests/doctor -n STREAMS URL`.");
	if (!h1)
		return setRow("streams", "note", `${open} streams are open on one ` +
			"connection; the others wait.", "That is the server’s limit for " +
			"a connection: lighttpd 8, Apache 6. Other viewers have their own.");
	return setRow("streams", "bad", `${open} streams of 6 are open; the ` +
		"others wait.", "lighttpd: `server.max-fds`, three a stream, and " +
		"`server.max-connections`; Apache: `MaxRequestWorkers`; fcgiwrap: " +
		"`-c STREAMS`");
}

document.querySelector("form").addEventListener("submit", async event => {
	event.preventDefault();
	const button = document.querySelector("button");
	button.disabled = true;
	try {
		await examine();
	} catch (error) {
		$("verdict").textContent = `The doctor itself failed: ${error}`;
	}
	button.disabled = false;
});

/* doctor.html?url=/cgi/doctor starts the tests at once. */
const given = new URLSearchParams(location.search).get("url");
if (given !== null) {
	$("url").value = given;
	document.querySelector("form").requestSubmit();
}
