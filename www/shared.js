/*
 * shared.js: one event stream for all tabs. Over HTTP/1.1 a browser opens six
 * connections to a host, for all tabs together, so the seventh stream waits
 * until another one is closed. Here the first tab opens the stream and the
 * others take part in it:
 *
 *	const events = new SharedEvents("/events", ["message"]);
 *	events.addEventListener("message", event => show(event.data));
 *	events.addEventListener("state", () => show(events.state));
 *
 * Copy this file; it is a page's script and the shared worker's as well. Where
 * there is no SharedWorker, the tabs elect one of them with Web Locks and a
 * BroadcastChannel (these need HTTPS or localhost); else each is on its own.
 */
"use strict";

const SHARED_STATES = ["connecting", "open", "closed"];

/* Which part of the time for an event may pass: then the stream is dead. */
const SHARED_SILENCES = 1.5;

/* The one EventSource. send(note) tells all that take part. */
class SharedSource {
	constructor(url, lastEventId, keepalive, send) {
		this.url = url;
		this.lastEventId = lastEventId;
		this.keepalive = keepalive;
		this.send = send;
		this.types = new Set();
		this.timer = setInterval(() => this.watch(), 500);
		this.open();
	}

	/* A new EventSource knows no last event id: the query says it instead. */
	open() {
		const query = (this.url.includes("?") ? "&" : "?") + "lastEventId=" +
			encodeURIComponent(this.lastEventId);

		this.source = new EventSource(
			this.lastEventId ? this.url + query : this.url);
		this.heard = Date.now();
		this.source.onopen = this.source.onerror = () => this.tell();
		this.source.addEventListener("alive", ({data}) => {
			this.heard = Date.now();
			this.keepalive = Number(data) || this.keepalive;
		});
		this.types.forEach(type => this.listen(type));
	}

	listen(type) {
		this.source.addEventListener(type, ({data, lastEventId}) => {
			this.heard = Date.now();
			this.lastEventId = lastEventId;
			this.send({type, data, lastEventId});
		});
	}

	/* EventSource may never notice that a connection has died. */
	watch() {
		const silence = (Date.now() - this.heard) / 1000;

		if (this.source.readyState === EventSource.CLOSED ||
			this.keepalive === 0 || silence < SHARED_SILENCES * this.keepalive)
			return;
		this.source.close();
		this.open();
		this.tell();
	}

	tell() {
		this.send({state: SHARED_STATES[this.source.readyState]});
	}

	/* Somebody joins, and listens to these types of events. */
	join(types) {
		for (const type of types) {
			if (this.types.has(type))
				continue;
			this.types.add(type);
			this.listen(type);
		}
		this.tell();
	}

	close() {
		clearInterval(this.timer);
		this.source.close();
	}
}

class SharedEvents extends EventTarget {
	/*
	 * how: "worker", "locks" or "alone"; by default the first that works.
	 * keepalive: within so many seconds an event always comes, or the stream
	 * is opened anew; 0: as its "alive" events say (-A), if it has any.
	 */
	constructor(url, types = ["message"], how = SharedEvents.best(),
		keepalive = 0) {
		super();
		this.url = new URL(url, location.href).href;
		this.types = types;
		this.how = how;
		this.keepalive = keepalive;
		this.lastEventId = "";
		this.join();
		addEventListener("pagehide", () => this.leave());
		addEventListener("pageshow", event => event.persisted && this.join());
	}

	static best() {
		if (typeof SharedWorker !== "undefined")
			return "worker";
		return navigator.locks && typeof BroadcastChannel !== "undefined"
			? "locks" : "alone";
	}

	join() {
		this.state = "connecting";
		this["by_" + this.how]();
	}

	/* A note is a state, or an event. */
	take(note) {
		if (note.state !== undefined) {
			this.state = note.state;
			this.dispatchEvent(new Event("state"));
		} else if (note.type !== undefined) {
			this.lastEventId = note.lastEventId;
			this.dispatchEvent(new MessageEvent(note.type,
				{data: note.data, lastEventId: note.lastEventId}));
		}
	}

	by_worker() {
		const {port} = new SharedWorker(SharedEvents.script, "shared-events");

		port.onmessage = ({data}) => this.take(data);
		port.postMessage({url: this.url, types: this.types,
			keepalive: this.keepalive});
		this.leave = () => port.postMessage({leave: true});
	}

	/* Who holds the lock opens the stream; the next one inherits it. */
	by_locks() {
		const name = "shared-events " + this.url;
		const channel = new BroadcastChannel(name);
		const given_up = new AbortController();
		let source, release;

		channel.onmessage = ({data}) => {
			if (data.types !== undefined)
				source?.join(data.types);
			else
				this.take(data);
		};
		channel.postMessage({types: this.types});
		navigator.locks.request(name, {signal: given_up.signal}, () => {
			source = new SharedSource(this.url, this.lastEventId,
				this.keepalive, note => {
					channel.postMessage(note);
					this.take(note);
				});
			source.join(this.types);
			channel.postMessage({elected: true});
			return new Promise(done => release = done);
		}).catch(() => {}); // given up
		this.take = note => {
			if (note.elected) // it does not know yet what we listen to
				channel.postMessage({types: this.types});
			SharedEvents.prototype.take.call(this, note);
		};
		this.leave = () => {
			source?.close();
			channel.close();
			given_up.abort();
			release?.();
		};
	}

	by_alone() {
		const source = new SharedSource(this.url, this.lastEventId,
			this.keepalive, note => this.take(note));

		source.join(this.types);
		this.leave = () => source.close();
	}
}

/* In the worker: a source for each URL, for as long as a tab takes part. */
function serve() {
	const sources = new Map();

	function join(port, {url, types, keepalive}) {
		if (!sources.has(url)) {
			const ports = new Set();
			const source = new SharedSource(url, "", keepalive, note =>
				ports.forEach(each => each.postMessage(note)));
			sources.set(url, {source, ports});
		}
		const {source, ports} = sources.get(url);
		ports.add(port);
		source.join(types);
	}

	function leave(port) {
		for (const [url, {source, ports}] of sources) {
			if (ports.delete(port) && ports.size === 0) {
				source.close();
				sources.delete(url);
			}
		}
	}

	addEventListener("connect", ({ports: [port]}) => {
		port.onmessage = ({data}) =>
			data.leave ? leave(port) : join(port, data);
	});
}

if (typeof SharedWorkerGlobalScope !== "undefined")
	serve();
else
	SharedEvents.script = document.currentScript.src;
