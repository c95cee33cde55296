/*
 * reader.js: reads the event stream that fetch answers with, for what an
 * EventSource cannot do: a POST, a header field, a stream that must not be
 * asked for again. Copy this file.
 *
 *	const stop = new AbortController();
 *	const answer = await fetch(url, {method: "POST", signal: stop.signal});
 *	for await (const {type, data} of readEvents(answer.body))
 *		show(type, data);
 *
 * It decides nothing: look at answer.ok and the Content-Type before, and at
 * the last event after, for a stream that breaks off throws or just ends.
 * Whoever wants to go on asks again with state.lastEventId, after state.retry
 * milliseconds if the server said that.
 */
"use strict";

/* WHATWG HTML, section 9.2.6, exactly; a stream's unfinished end is dropped. */
async function* readEvents(stream, state = {}) {
	const reader = stream.getReader();
	const decoder = new TextDecoder(); // takes the byte order mark out
	let rest = "", afterCR = false, type = "", data = "";
	let id = state.lastEventId ?? "";

	/* Returns an event if the line ends one. */
	function take(line) {
		if (line === "") {
			const event = data !== "" &&
				{type: type || "message", data: data.slice(0, -1), lastEventId: id};

			state.lastEventId = id;
			type = data = "";
			return event;
		}
		const colon = line.indexOf(":");
		const field = colon < 0 ? line : line.slice(0, colon);
		const value = colon < 0 ? "" : line.slice(colon + 1).replace(/^ /, "");

		if (field === "event")
			type = value;
		else if (field === "data")
			data += value + "\n";
		else if (field === "id" && !value.includes("\0"))
			id = value;
		else if (field === "retry" && /^[0-9]+$/.test(value))
			state.retry = Number(value);
		return false;
	}

	try {
		for (;;) {
			const {value, done} = await reader.read();

			if (done)
				return;
			let text = decoder.decode(value, {stream: true});
			if (text === "")
				continue;
			if (afterCR && text[0] === "\n")
				text = text.slice(1);
			afterCR = text.endsWith("\r");
			const lines = (rest + text).split(/\r\n|\r|\n/);
			rest = lines.pop();
			for (const line of lines) {
				const event = take(line);
				if (event)
					yield event;
			}
		}
	} finally {
		reader.cancel().catch(() => {}); // it may have failed already
	}
}
