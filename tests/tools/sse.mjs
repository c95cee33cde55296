/*
 * sse.mjs BROWSER SCENARIO URL [SECONDS]: has a browser use www/sse.js on the
 * page sse.html, for sse.bats. Exits 0, or says what is wrong. Files in the
 * current directory tell sse.bats how far it is, and it the browser.
 */
import assert from "node:assert/strict";
import { mkdirSync } from "node:fs";
import { setTimeout as later } from "node:timers/promises";
import { drivers } from "./drivers.mjs";
import { tell, told, until } from "./scene.mjs";

const [name, scenario, url, seconds] = process.argv.slice(2);

mkdirSync("browser");
const browser = await drivers[name](process.cwd() + "/browser");
const page = code => browser.evaluate(code);

const follow = (path, options = {}) =>
	page(`follow("${path}", ${JSON.stringify(options)})`);
const state = i => page(`all[${i}].source.state`);
const is = (i, expected) => until(async () => await state(i) === expected,
	`stream ${i} is ${expected}`);
const events = i => page(`events(${i})`);
const has = (i, count) => until(async () => (await events(i)).length >= count,
	`${count} events of stream ${i}`);
const counts = i => page(`numbers(${i})`);
const in_order = numbers => assert.deepEqual(numbers,
	numbers.map((_, i) => numbers[0] + i));

const checks = {
	/* the browser's own EventSource sees the same */
	async fields() {
		const own = await page('follow_native("/cgi-bin/fields")');
		const ours = await follow("/cgi-bin/fields");

		await has(own, 7);
		await has(ours, 7);
		assert.deepEqual((await events(ours)).slice(0, 7),
			(await events(own)).slice(0, 7));
		assert.equal(await page(`all[${ours}].events[0][3]`),
			await page("location.origin"));
		await page(`all[${own}].source.close(), all[${ours}].source.close()`);
		assert.equal(await state(ours), "closed");
		assert.equal(await page(`all[${ours}].source.readyState`), 2);
	},

	/* what pages and libraries look at, and what is a stream */
	async same() {
		const [ours, own] = await page(`[EventSource, follow.ours].map(Source => {
			const source = new Source("/cgi-bin/nothing");
			const thrown = code => {
				try { code(); } catch (error) { return [error.name, error.code]; }
			};
			let failed = 0;
			const before = [source.onmessage, source.onerror, "onopen" in source];
			source.onmessage = 5;
			addEventListener("error", () => failed++, {once: true});
			source.dispatchEvent(new MessageEvent("message"));
			source.close();
			return [...before, failed, thrown(() => new Source("http://["))];
		})`);

		assert.deepEqual(ours, own);
		for (const what of ["case", "status", "type"]) {
			const own = await page(`follow_native("/cgi-bin/answer?${what}")`);
			const ours = await follow("/cgi-bin/answer?" + what);
			if (what === "case")
				await has(own, 2);
			await is(ours, what === "case" ? "ended" : "closed");
			await page(`all[${own}].source.close()`);
			assert.deepEqual(await events(ours), (await events(own)).slice(0, 2));
		}
	},

	/* a query comes as it is, but for lastEventId */
	async query() {
		for (const [asked, again] of [["key=AbCd/efGh+ij==", "&lastEventId=7"],
			["a=b%20c&d&lastEventId=5", "&lastEventId=7"],
			["lastEventId=", "lastEventId=7"], ["lastEventId=&b", "&lastEventId=7"]]) {
			const i = await follow("/cgi-bin/query?" + asked);
			await has(i, 2);
			await page(`all[${i}].source.close()`);
			const rest = asked.replace(/&?lastEventId=5?&?/, "");
			assert.equal((await events(i))[1][1], rest + again);
		}
	},

	/* a server that says until when it wants nothing */
	async dated() {
		const start = Date.now();

		await is(await follow("/cgi-bin/dated"), "ended");
		assert.ok(Date.now() - start > 6500, "not before");
	},

	/* an event "end" is the last; a client that has its id gets 204 */
	async end() {
		const i = await follow("/cgi-bin/finite");
		const again = await follow("/cgi-bin/finite?lastEventId=end");

		await is(i, "ended");
		await is(again, "ended");
		assert.deepEqual(await events(i),
			[["message", "x", ""], ["message", "y", ""], ["end", "0", "end"]]);
		assert.deepEqual(await events(again), []);
		assert.deepEqual(await page(`[all[${i}].opened, all[${i}].errors,
			all[${again}].opened, all[${again}].errors]`), [1, 1, 0, 1]);
	},

	/* 404, and a file */
	async refused() {
		for (const [path, reason] of [
			["/cgi-bin/nothing", /refused the stream: 404/],
			["/cgi-bin/forbidden", /refused the stream: 403/],
			["/sse.html", /sent text.html/]]) {
			const i = await follow(path);
			await is(i, "closed");
			assert.match(await page(`all[${i}].source.reason`), reason);
			assert.equal(await page(`all[${i}].source.readyState`), 2);
		}
	},

	/* a stream, 502, 503, 504, 429, and a stream that says what came back */
	async statuses() {
		const i = await follow("/cgi-bin/flaky?a=b%20c&d");

		await is(i, "ended");
		assert.deepEqual(await page(
			`all[${i}].states.map(([state, reason]) => reason || state)`),
		["open", "The stream was cut off; again in N s.",
			...[502, 503, 504, 429].flatMap(status => ["connecting",
				`The server answered with ${status}; again in N s.`]),
			"connecting", "open", "The stream has ended."]);
		assert.deepEqual(await events(i), [["message", "a=b%20c&d", "one 1"],
			["message", "a=b%20c&d&lastEventId=one%201 one 1", "two"],
			["end", "over", "two"]]);
	},

	/* three events each time, then nothing: "alive" says how long that may be */
	async silence() {
		const i = await follow("/cgi-bin/silent");

		await until(async () => (await counts(i)).length >= 6, "opened anew");
		in_order(await counts(i));
		assert.match(await page(`all[${i}].states.flat().join()`),
			/waiting,Nothing had come for [2-9] s; again in N s/);
		await page(`all[${i}].source.close()`);
	},

	/* closed while the page is hidden */
	async visible() {
		const hide = hidden => page(`Object.defineProperty(document, "hidden",
			{value: ${hidden}, configurable: true}) &&
			document.dispatchEvent(new Event("visibilitychange"))`);
		const i = await follow("/cgi-bin/count", {visible: true});

		await has(i, 3);
		await hide(true);
		assert.equal(await state(i), "hidden");
		const before = (await counts(i)).length;
		await later(1000);
		assert.equal((await counts(i)).length, before);
		await hide(false);
		await has(i, before + 3);
		in_order(await counts(i));
		await page(`all[${i}].source.close()`);
	},

	/*
	 * Three frames take part in one stream, as three tabs would; the first one
	 * goes, a new one gets what was before. When the last has gone, so has the
	 * stream.
	 */
	async shared() {
		const frame = `new Promise(done => {
			const frame = document.createElement("iframe");
			frame.src = "/sse.html";
			frame.onload = () => done(frames.length - 1);
			document.body.append(frame);
		})`;
		const options = '{shared: true, replay: 5}';
		const inside = (f, code) => page(`frames[${f}].${code}`);
		const joins = async f => {
			await page(frame);
			await inside(f, `follow("/cgi-bin/single", ${options})`);
			await until(() => inside(f, "numbers(0).length > 5"), "it counts");
		};

		for (const f of [0, 1, 2])
			await joins(f);
		tell("shared");
		await told("one");
		await page('document.querySelector("iframe").remove()');
		const before = await inside(0, "numbers(0).length");
		await until(() => inside(0, `numbers(0).length > ${before} + 5`),
			"it goes on");
		await joins(2);
		for (const f of [0, 1, 2])
			in_order(await inside(f, "numbers(0)"));
		assert.ok(await inside(1, "numbers(0)[0]") > 1);
		assert.ok(await inside(1, "all[0].source.state") === "open");
		await page('document.querySelectorAll("iframe").forEach(' +
			"frame => frame.remove())");
		tell("alone");
		await told("none");
	},

	/* a tab that was away misses nothing, whatever has an id */
	async away() {
		for (const path of ["/cgi-bin/idsid", "/cgi-bin/ids"]) {
			const options = {shared: true, visible: true};
			const other = await follow(path, {shared: true});
			const i = await follow(path, options);
			const hide = hidden => page(`Object.defineProperty(document, "hidden",
				{value: ${hidden}, configurable: true}) &&
				document.dispatchEvent(new Event("visibilitychange"))`);

			await has(i, 7);
			await hide(true);
			const before = (await counts(other)).length;
			await has(other, before + 12);
			await hide(false);
			await has(i, before + 15);
			in_order(await counts(i));
			await page(`all[${i}].source.close(), all[${other}].source.close()`);
		}
	},

	/* what is closed leaves nothing */
	async closed() {
		const pending = () => page("navigator.locks.query().then(({pending}) =>" +
			" pending.length)");
		const before = await pending();

		for (let n = 0; n < 10; n++) {
			const i = await follow("/cgi-bin/count", {shared: true});
			await has(i, 1);
			await page(`all[${i}].source.close()`);
		}
		await until(async () => await pending() <= before, "no lock waits");
	},

	/* a stream that has ended is opened again for the next tab */
	async shared_end() {
		const options = {shared: true};
		const i = await follow("/cgi-bin/finite?shared", options);

		await is(i, "ended");
		const next = await follow("/cgi-bin/finite?shared", options);
		await is(next, "ended");
		assert.deepEqual(await events(next), await events(i));
	},
};

const scenarios = {
	async all() {
		for (const [what, check] of Object.entries(checks)) {
			console.log(what);
			await check();
		}
	},

	/* sse.bats kills the server behind the proxy, and starts it again. */
	async down() {
		/* WebKit may not see that a connection over HTTP/2 has broken */
		const streams = [await follow("/cgi-bin/count", {silence: 5}),
			await follow("/cgi-bin/single", {shared: true, silence: 5})];

		for (const i of streams)
			await has(i, 5);
		tell("counting");
		await told("killed");
		const start = Date.now();
		for (const i of streams)
			await until(() => page(
				`/answered with 502/.test(all[${i}].states.flat().join())`),
			"502 is seen");
		await until(() => Date.now() - start > 1000 * seconds, "it was down");
		tell("restart");
		await told("restarted");
		for (const i of streams) {
			await has(i, (await events(i)).length + 5);
			in_order(await counts(i));
			console.log(await page(`words(${i})`));
		}
	},

	/* The browser's own EventSource, where the proxy gives no answer. */
	async native() {
		const i = await page('follow_native("/cgi-bin/count")');

		await has(i, 5);
		tell("counting");
		await told("killed");
		const start = Date.now();
		await until(() => page(`all[${i}].errors > 1`), "it is lost");
		await until(() => Date.now() - start > 1000 * seconds, "it was down");
		tell("restart");
		await told("restarted");
		await has(i, (await events(i)).length + 5);
		in_order(await counts(i));
	},

	/* Two tabs share a stream; the first one, which began it, crashes. */
	async crash() {
		const follow = 'follow("/cgi-bin/single", {shared: true})';
		const tab = await browser.tab();

		await tab.open(url + "sse.html");
		await tab.evaluate(follow);
		await until(() => tab.evaluate("numbers(0).length > 5"), "it counts");
		await page(follow);
		await has(0, 5);
		await tab.crash();
		await has(0, (await events(0)).length + 5);
		in_order(await counts(0));
		tell("shared");
		await told("one");
		await page("all[0].source.close()");
		tell("alone");
		await told("none");
	},
};

try {
	console.log(browser.version);
	await browser.open(url + "sse.html");
	await scenarios[scenario]();
} finally {
	await browser.close();
}
