/*
 * sse.js: an EventSource that keeps reconnecting. Copy this file; a page that
 * uses EventSource needs only the import:
 *
 *	import {EventSource} from "./sse.js";
 *	const source = new EventSource("/events");
 *	source.onstate = () => say(source.state, source.reason);
 *
 * It reconnects after 5xx, 429, 408 or a network error: not before retry: and
 * Retry-After allow, with random delays that grow up to 30 s; it resumes after
 * its last event (?lastEventId=, on the same site the header, too). It stops
 * after an event "end", and after any other answer, such as 204. If nothing
 * arrives for 1.5 times the interval in an event "alive" (option -A), or for
 * {silence: SECONDS}, it reconnects. {visible: true}: closed while the page is
 * hidden. {shared: true}: all tabs share one stream; a new tab gets the last
 * {replay: N} events, one that was away those it missed, or "gap" and those
 * that are left. state is connecting, open, waiting, hidden, ended or closed;
 * reason is a text; each change is an event "state".
 */

/* Parses a response of fetch, also to POST; state has the last id and retry. */
export async function* readEvents(stream, state = {}) {
	const reader = stream.getReader();
	const decoder = new TextDecoder(); // removes the byte order mark
	let rest = "", afterCR = false, type = "", data = "";
	let id = state.lastEventId ?? "";

	try {
		for (let got; !(got = await reader.read()).done;) {
			let text = decoder.decode(got.value, {stream: true});
			state.heard = Date.now();
			if (text === "")
				continue;
			if (afterCR && text[0] === "\n")
				text = text.slice(1);
			afterCR = text.endsWith("\r");
			const lines = (rest + text).split(/\r\n|\r|\n/);
			rest = lines.pop();
			for (const line of lines) {
				const [, field, value] = /^([^:]*)(?:: ?)?([^]*)/.exec(line);
				if (line === "") {
					state.lastEventId = id;
					if (data !== "")
						yield {type: type || "message", lastEventId: id,
							data: data.slice(0, -1)};
					type = data = "";
				} else if (field === "event")
					type = value;
				else if (field === "data")
					data += value + "\n";
				else if (field === "id" && !value.includes("\0"))
					id = value;
				else if (field === "retry" && /^[0-9]+$/.test(value))
					state.retry = Number(value);
			}
		}
	} finally {
		reader.cancel().catch(() => {}); // it may have failed already
	}
}

/* One stream, which reconnects; reports events and states. */
function connect({url, lastEventId, silence, withCredentials}, tell) {
	const place = {lastEventId, retry: 3000};
	let failures = 0, events = 0, over = false, stop, silent, status, asked;
	const say = (state, reason = "") => tell({state, reason, status, over});
	const watch = setInterval(() => {
		const seconds = (Date.now() - place.heard) / 1000;
		if (silence > 0 && seconds >= 1.5 * silence)
			stop.abort(silent = Math.round(seconds));
	}, 500);

	function close(state, reason) {
		over = true;
		clearInterval(watch);
		stop.abort();
		say(state, reason);
	}

	/* Reads one response to its end; returns why to reconnect. */
	async function attempt() {
		const at = new URL(url), id = place.lastEventId;
		const home = at.origin === location.origin && /^[ -~]+$/.test(id);

		if (id !== "")
			at.search += (at.search ? "&" : "?") + "lastEventId=" +
				encodeURIComponent(id);
		const answer = await fetch(at, {cache: "no-store", signal: stop.signal,
			credentials: withCredentials ? "include" : "same-origin",
			headers: {Accept: "text/event-stream",
				...home && {"Last-Event-ID": id}}});
		const type = answer.headers.get("Content-Type") ?? "nothing";
		status = answer.status;
		asked = 1000 * answer.headers.get("Retry-After") || 0;
		if (status >= 500 || status === 429 || status === 408)
			return `The server answered with ${status}`;
		if (status === 204)
			return close("ended", "The stream has ended.");
		if (!answer.ok || !type.startsWith("text/event-stream"))
			return close("closed", "The server refused the stream: " +
				(answer.ok ? `it sent ${type}.` : `${status}.`));
		say("open");
		for await (const event of readEvents(answer.body, place)) {
			failures = 0;
			if (event.type === "alive")
				silence = Number(event.data) || silence;
			tell({...event, origin: at.origin});
			if (event.type === "end")
				return close("ended", "The stream has ended.");
			if (++events % 200 === 0) // lets the page run
				await new Promise(done => {
					const {port1, port2} = new MessageChannel();
					port1.onmessage = done;
					port2.postMessage(0);
				});
		}
		return "The stream was cut off";
	}

	(async () => {
		while (!over) {
			stop = new AbortController();
			place.heard = Date.now();
			silent = status = asked = 0;
			say("connecting");
			const why = await attempt().catch(() => silent
				? `Nothing had come for ${silent} s`
				: "The server does not answer, or the connection was lost");
			stop.abort();
			if (over)
				return;
			const late = (place.retry + 500) * 2 ** failures++ - 500;
			const ms = silent ? 0 : (1 + Math.random() / 2) *
				Math.max(place.retry, asked, Math.min(late, 20000));
			say("waiting", `${why}; again in ${Math.ceil(ms / 1000)} s.`);
			await new Promise(done => setTimeout(done, Math.min(ms, 2e9)));
		}
	})();
	return close;
}

export class EventSource extends EventTarget {
	#options;
	#leave; // leaves the shared stream, if joined

	constructor(url, options = {}) {
		super();
		const at = new URL(url, document.baseURI);
		const lastEventId = at.searchParams.get("lastEventId") ?? "";
		const look = () => this.#look(options.visible && document.hidden);

		this.url = at.href;
		this.withCredentials = options.withCredentials ?? false;
		if (lastEventId !== "")
			at.searchParams.delete("lastEventId");
		this.#options = {silence: 0, replay: 0, ...options, lastEventId,
			url: at.href};
		for (const type of ["open", "message", "error", "state"])
			this.addEventListener(type, event => this["on" + type]?.(event));
		addEventListener("pagehide", () => this.#look(true));
		addEventListener("pageshow", look);
		document.addEventListener("visibilitychange", look);
		this.#take({state: document.hidden ? "hidden" : "connecting"});
		look();
	}

	get readyState() {
		return {open: 1, ended: 2, closed: 2}[this.state] ?? 0;
	}

	close() {
		this.#leave?.();
		this.#take({state: "closed"});
	}

	/* Joins the stream unless the page is hidden or frozen. */
	#look(away = false) {
		if (this.readyState === 2 || away === !this.#leave)
			return;
		if (away)
			return this.#take({state: "hidden"}, this.#leave());
		let live = true;
		const {shared} = this.#options, tell = note => live && this.#take(note);
		const end = (shared && globalThis.SharedWorker ? share : connect)(
			this.#options, tell, () => live && (this.#leave(), this.#look()));
		this.#leave = () => end(live = this.#leave = undefined);
	}

	#take({type, state, reason = "", status = 0, ...event}) {
		if (type !== undefined) {
			this.#options.lastEventId = event.lastEventId;
			return this.dispatchEvent(new MessageEvent(type, event));
		}
		Object.assign(this, {state, reason, status});
		this.dispatchEvent(new Event("state"));
		if (state === "open" || reason !== "")
			this.dispatchEvent(new Event(state === "open" ? "open" : "error"));
	}
}

["CONNECTING", "OPEN", "CLOSED"].forEach((name, i) =>
	EventSource[name] = EventSource.prototype[name] = i);

/* Holds a lock for ever: whoever gets it next knows that this context died. */
let held;
const hold = (name = "sse.js " + Math.random()) => held ??= new Promise(done =>
	navigator.locks?.request(name, () => new Promise(() => done(name))) ?? done());

function share(options, tell, again) {
	const worker = new SharedWorker(import.meta.url, {type: "module"});
	worker.onerror = () => again(options.shared = false);
	worker.port.onmessage = ({data}) =>
		data.lock ? navigator.locks.request(data.lock, again) : tell(data);
	hold().then(lock => worker.port.postMessage({...options, lock}));
	return () => hold().then(() => worker.port.postMessage("leave"));
}

/* In the worker: a stream for each URL, for as long as a tab uses it. */
const streams = new Map();

function join(port, options) {
	const key = options.url + options.withCredentials, id = options.lastEventId;
	const stream = streams.get(key) ?? {ports: new Set(), kept: [options]};
	const {ports, kept} = stream;
	streams.set(key, stream);
	stream.close ??= connect(options, note => {
		if (note.type === undefined)
			stream.now = note;
		else if (kept.push(note) > 500)
			kept.shift();
		if (note.over && streams.get(key) === stream)
			streams.delete(key); // the next tab opens a new one
		ports.forEach(each => each.postMessage(note));
	});
	const last = id === "" ? kept.length - 1 - options.replay
		: kept.findLastIndex(event => event.lastEventId === id);
	const missed = kept.filter(({type}, i) => type && i > last);
	if (id !== "" && last < 0)
		missed.unshift({type: "gap", data: "this page was away", lastEventId: id});
	[stream.now, ...missed].forEach(note => port.postMessage(note));
	ports.add(port);
	return () => ports.delete(port) && ports.size === 0 && stream.close("closed");
}

if (globalThis.SharedWorkerGlobalScope)
	onconnect = ({ports: [port]}) => port.onmessage = ({data}) => {
		port.onmessage = join(port, data); // its next message means it leaves
		navigator.locks?.request(data.lock, port.onmessage);
		hold().then(lock => lock && port.postMessage({lock}));
	};
