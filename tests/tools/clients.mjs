/*
 * clients.mjs CLIENT URL: what the client libraries that people use on Node
 * make of the streams, for clients.bats. Files in the current folder tell
 * clients.bats how far it is, and it this program.
 */
import assert from "node:assert/strict";
import { fetchEventSource } from "@microsoft/fetch-event-source";
import { EventSource } from "eventsource";
import { createParser } from "eventsource-parser";
import { tell, told, until } from "./scene.mjs";

const [client, url] = process.argv.slice(2);

/* What /cgi-bin/fields sends, as [type, data, last event id]. */
const FIELDS = [
	["message", "one", "a"],
	["named", "two\nlines\nand three", "b"],
	["message", "", "b"],
	["message", "  : spaces, naïve 日本 🎉", "c-1"],
	["naïve type", "typed", "c-1"],
	["message", "\n", "0"],
	["last", "bye", "0"],
];

/* The counter's numbers, while clients.bats kills and restarts the server. */
async function goes_on(numbers) {
	await until(() => numbers.length >= 5, "it counts");
	tell("counting");
	await told("restarted");
	const before = numbers.length;
	await until(() => numbers.length >= before + 5, "it counts on");
	assert.deepEqual(numbers, numbers.map((_, i) => i + 1));
}

/* An EventSource as in a browser. */
async function eventsource() {
	const seen = [];
	const fields = new EventSource(url + "cgi-bin/fields");
	for (const type of ["message", "named", "naïve type", "last"])
		fields.addEventListener(type, event =>
			seen.push([event.type, event.data, event.lastEventId]));
	await until(() => seen.length >= FIELDS.length, "all fields");
	fields.close();
	/* its own way: an event without an id has none, where browsers say the
	 * last one */
	assert.deepEqual(seen, FIELDS.map(([type, data], i) =>
		[type, data, ["a", "b", "", "c-1", "", "0", ""][i]]));

	const ends = [];
	const finite = new EventSource(url + "cgi-bin/finite");
	let closed = 0;
	finite.addEventListener("end", event => ends.push(event.lastEventId));
	finite.onerror = event => closed = finite.readyState === 2 && event.code;
	await until(() => closed, "it gives up");
	assert.equal(closed, 204);
	assert.deepEqual(ends, ["end"]);

	/* 600 ms, where its own would be 3 seconds */
	const pauses = [];
	const again = new EventSource(url + "cgi-bin/again600");
	let ended;
	again.onerror = () => ended = performance.now();
	again.onopen = () => ended && pauses.push(performance.now() - ended);
	await until(() => pauses.length >= 3, "it comes back");
	again.close();
	assert.ok(Math.min(...pauses) >= 550, pauses);
	assert.ok(Math.min(...pauses) < 2900, pauses);

	const numbers = [];
	const count = new EventSource(url + "cgi-bin/count");
	count.onmessage = event => numbers.push(Number(event.data));
	await goes_on(numbers);
	count.close();
}

/* Only a parser: its caller fetches and reconnects. */
async function parser() {
	const seen = [], retries = [];
	const parser = createParser({
		onEvent: ({event, data, id}) => seen.push([event, data, id]),
		onRetry: ms => retries.push(ms),
		onError: error => assert.fail(error),
	});
	const read = async path => {
		const answer = await fetch(url + path);
		const text = answer.body.pipeThrough(new TextDecoderStream());
		for await (const chunk of text)
			parser.feed(chunk);
	};

	await read("cgi-bin/fields");
	assert.deepEqual(seen.map(([event, data]) => [event ?? "message", data]),
		FIELDS.map(([type, data]) => [type, data]));
	assert.deepEqual(seen.map(([, , id]) => id),
		["a", "b", undefined, "c-1", undefined, "0", undefined]);
	await read("cgi-bin/finite");
	assert.deepEqual(seen.slice(FIELDS.length),
		[[undefined, "x", undefined], [undefined, "y", undefined],
			["end", "0", "end"]]);
	assert.deepEqual(retries, [600]);
}

/*
 * Made for browsers: it asks for a window and a document, and the tab must
 * not have to be visible. It does not come back after a stream that ended in order, and it
 * does not know what 204 means.
 */
async function fetcher() {
	globalThis.window = globalThis;
	globalThis.document = new EventTarget();
	const options = {openWhenHidden: true, fetch};
	const seen = [];

	await fetchEventSource(url + "cgi-bin/fields", {...options,
		onmessage: ({event, data, id}) => seen.push([event, data, id])});
	/* its own ways: a comment is an empty message, ids do not stay, and data
	 * of empty lines loses them */
	assert.deepEqual(seen[0], ["", "", ""]);
	assert.deepEqual(seen.filter(event => event.join("") !== ""), FIELDS
		.map(([type, data, id]) => [type === "message" ? "" : type, data, id])
		.map(([type, data, id], i) => [type, data === "\n" ? "" : data,
			["a", "b", "", "c-1", "", "0", ""][i]])
		.filter(event => event.join("") !== ""));

	const ends = [];
	await fetchEventSource(url + "cgi-bin/finite", {...options,
		onmessage: ({event, id}) => event === "end" && ends.push(id)});
	assert.deepEqual(ends, ["end"]);

	/* told to stop, it asks again, until onerror throws */
	let asked = 0;
	await assert.rejects(fetchEventSource(url + "cgi-bin/finite", {...options,
		headers: {"Last-Event-ID": "end"},
		onerror(error) {
			if (++asked === 3)
				throw error;
			return 100;
		}}), /content-type/);

	const numbers = [];
	const over = new AbortController();
	const counting = fetchEventSource(url + "cgi-bin/count", {...options,
		signal: over.signal,
		onmessage: ({data}) => data !== "" && numbers.push(Number(data))});
	await goes_on(numbers);
	over.abort();
	await counting;
}

await {eventsource, parser, fetcher}[client]();
