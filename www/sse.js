/*
 * sse.js: an EventSource that keeps reconnecting. A page needs only the import:
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
	const reader = stream.pipeThrough(new TextDecoderStream()).getReader();
	let rest = "", cr = false, type = "", data = "", id = state.lastEventId ?? "";

	try {
		for (let got; !(got = await reader.read()).done;) {
			const text = cr ? got.value.replace(/^\n/, "") : got.value;
			state.heard = Date.now();
			cr = text.endsWith("\r");
			const lines = text.split(/\r\n|\r|\n/);
			lines[0] = rest + lines[0];
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
	let failures = 0, turn = 0, over = false, stop, silent, status, asked;
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
			at.search += `${at.search && "&"}lastEventId=${encodeURIComponent(id)}`;
		const answer = await fetch(at, {cache: "no-store", signal: stop.signal,
			credentials: withCredentials ? "include" : "same-origin",
			headers: {Accept: "text/event-stream",
				...home && {"Last-Event-ID": id}}});
		const type = answer.headers.get("Content-Type") ?? "nothing";
		const after = answer.headers.get("Retry-After");
		status = answer.status;
		asked = 1000 * after || Date.parse(after) - Date.now() || 0;
		if (status >= 500 || status === 429 || status === 408)
			return `The server answered with ${status}`;
		if (status === 204)
			return close("ended", "The stream has ended.");
		if (status !== 200 || !/^\s*text\/event-stream\s*(;|$)/i.test(type))
			return close("closed", "The server refused the stream: " +
				(status === 200 ? `it sent ${type}.` : `${status}.`));
		say("open");
		for await (const event of readEvents(answer.body, place)) {
			failures = 0;
			if (event.type === "alive")
				silence = Number(event.data) || silence;
			tell({...event, origin: at.origin});
			if (event.type === "end")
				return close("ended", "The stream has ended.");
			if (Date.now() - turn > 20) // a new task: lets the page run
				turn = await new Blob().arrayBuffer().then(Date.now);
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
	#over = new AbortController();
	onopen = null; onmessage = null; onerror = null; onstate = null;

	constructor(url, options = {}) {
		super();
		if (!URL.canParse(url, document.baseURI))
			throw new DOMException(`${url} is no URL`, "SyntaxError");
		const at = new URL(url, document.baseURI), {signal} = this.#over;
		const lastEventId = at.searchParams.get("lastEventId") ?? "";
		const look = () => this.#look(options.visible && document.hidden);

		this.url = at.href;
		this.withCredentials = options.withCredentials ?? false;
		at.search = at.search.slice(1).split("&").filter(
			part => !/^lastEventId(=|$)/.test(part)).join("&");
		this.#options = {silence: 0, replay: 0, ...options, lastEventId,
			url: at.href};
		for (const type of ["open", "message", "error", "state"])
			this.addEventListener(type, event =>
				this["on" + type]?.call?.(this, event));
		addEventListener("pagehide", () => this.#look(true), {signal});
		addEventListener("pageshow", look, {signal});
		document.addEventListener("visibilitychange", look, {signal});
		this.#take({state: document.hidden ? "hidden" : "connecting"});
		look();
	}

	close() {
		this.#take({state: "closed"}, this.#leave?.());
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

	#take({type, state, reason = "", status = 0, at, ...event}) {
		this.#options.at = at ?? this.#options.at;
		if (type !== undefined) {
			this.#options.lastEventId = event.lastEventId;
			return this.dispatchEvent(new MessageEvent(type, event));
		}
		const readyState = {open: 1, ended: 2, closed: 2}[state] ?? 0;
		Object.assign(this, {state, reason, status, readyState});
		if (readyState === 2)
			this.#over.abort();
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
const died = (name, {signal}, then) =>
	navigator.locks?.request(name, {signal}, then).catch(() => {});

function share(options, tell, again) {
	const worker = new SharedWorker(import.meta.url, {type: "module"});
	const left = new AbortController();
	worker.onerror = () => again(options.shared = false);
	worker.port.onmessage = ({data}) =>
		data.lock ? died(data.lock, left, again) : tell(data);
	hold().then(lock => worker.port.postMessage({...options, lock}));
	return () => hold(left.abort()).then(() => worker.port.postMessage("leave"));
}

/* In the worker: streams, by URL, and no two events have the same number, at. */
const streams = new Map(), gap = {type: "gap", data: "this page was away"};

function join(port, options) {
	const {url, withCredentials, lastEventId: id, replay, at} = options;
	const key = url + withCredentials, stream = streams.get(key) ?? {
		ports: new Set(), kept: [{...gap, lastEventId: id, at: Date.now() * 1000}]};
	const {ports, kept} = stream;
	streams.set(key, stream);
	stream.close ??= connect(options, note => {
		if (note.type === undefined)
			stream.now = note;
		else if (kept.push(Object.assign(note, {at: kept.at(-1).at + 1})) > 500)
			kept.splice(0, 2, {...kept[1], ...gap}); // all that was before
		if (note.over && streams.get(key) === stream)
			streams.delete(key); // the next tab opens a new one
		ports.forEach(each => each.postMessage(note));
	});
	const last = at >= kept[0].at ? at - kept[0].at
		: id !== "" ? kept.findIndex(event => event.lastEventId === id)
		: at ? -1 : Math.max(kept.length - 1 - replay, 0);
	[{...stream.now, at: kept[Math.max(last, 0)].at}, ...kept.slice(last + 1)]
		.forEach(note => port.postMessage(note));
	ports.add(port);
	const left = new AbortController();
	port.onmessage = () => { // its next message, or its end
		left.abort();
		if (ports.delete(port) && ports.size === 0)
			stream.close("closed");
	};
	died(options.lock, left, port.onmessage);
	hold().then(lock => lock && port.postMessage({lock}));
}

if (globalThis.SharedWorkerGlobalScope)
	onconnect = ({ports: [port]}) => port.onmessage = e => join(port, e.data);
