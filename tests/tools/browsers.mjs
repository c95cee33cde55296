/*
 * browsers.mjs BROWSER URL: has a browser go through checks.html, the demo
 * page and shared.html, for browsers.bats. Exits 0, or says what is wrong.
 * Files in the current folder tell browsers.bats how far it is, and it the
 * browser: see tell() and told().
 */
import assert from "node:assert/strict";
import { existsSync, mkdirSync, writeFileSync } from "node:fs";
import { drivers } from "./drivers.mjs";

const [name, url] = process.argv.slice(2);
const http2 = url.startsWith("https:");
const DEADLINE = 90000;
const folder = process.cwd() + "/browser";

mkdirSync(folder);
const browser = await drivers[name](folder);

const tell = what => writeFileSync(what, "");
const told = what => until(() => existsSync(what), what);

async function until(condition, what) {
	const end = Date.now() + DEADLINE;

	while (!await condition()) {
		assert.ok(Date.now() < end, `in time: ${what}`);
		await new Promise(done => setTimeout(done, 100));
	}
}

const page = code => browser.evaluate(code);
const text = selector =>
	page(`document.querySelector("${selector}").textContent`);
const shows = (selector, expected) =>
	until(async () => expected.test(await text(selector)),
		`${selector} is like ${expected}`);

/* Message and named events, ids, several lines, empty data, other alphabets. */
async function check_fields() {
	assert.deepEqual(await page("fields()"), [
		["message", "one", "a"],
		["named", "two\nlines\nand three", "b"],
		["message", "", "b"],
		["message", "  : spaces, naïve 日本 🎉", "c-1"],
		["naïve type", "typed", "c-1"],
		["message", "\n", "0"],
		["last", "bye", "0"],
	]);
}

/* Firefox leaves NUL out of data; the others keep it, as the standard says. */
async function check_nul() {
	assert.equal(await page('first("/cgi-bin/nul")'),
		name === "firefox" ? "ab" : "a\0b");
}

/*
 * The time to wait is the server's to say, and the last id comes back. How
 * late a busy machine is says nothing, so of three pauses the shortest counts.
 */
async function check_retry() {
	const [short, long] = await page(
		"Promise.all([again(600, 4), again(4000, 2)])");

	for (const {seen} of [short, long])
		seen.forEach(([, data], i) =>
			assert.equal(data, i === 0 ? "none" : seen[i - 1][0]));
	assert.ok(Math.min(...short.pauses) >= 550, `600 ms: ${short.pauses}`);
	assert.ok(Math.min(...short.pauses) < 2900, `600 ms: ${short.pauses}`);
	assert.ok(Math.min(...long.pauses) >= 3900, `4 s: ${long.pauses}`);
}

/* 204 ends it: the browser gives up. */
async function check_finite() {
	assert.deepEqual(await page("finite()"), {
		seen: [["message", "x", ""], ["message", "y", ""], ["end", "0", "end"]],
		opened: 1,
	});
}

/* browsers.bats kills the server and starts it again. */
async function check_restart() {
	const numbers = () => page("count.numbers");

	await page("start_count()");
	await until(async () => (await numbers()).length >= 5, "it counts");
	tell("counting");
	await told("killed");
	const noticed = await is_lost();
	const before = (await numbers()).length;
	tell("lost");
	await told("restarted");
	if (!noticed) {
		await page("count.close()");
		await page('start_count("?lastEventId=" + count.ids.at(-1))');
	}
	await until(async () => (await numbers()).length >= before + 5,
		"it counts on");
	const seen = await numbers();
	assert.deepEqual(seen, seen.map((_, i) => i + 1));
	assert.deepEqual((await page("count.ids")).slice(0, seen.length),
		seen.map(String));
	assert.equal(await page("count.opened"), 2);
	await page("count.close()");
}

/*
 * WebKitGTK 2.50 does not notice that an HTTP/2 connection is broken: the
 * stream stays open and silent, and the page has to open another one. The
 * other browsers must notice.
 */
async function is_lost() {
	const lost = async () => await page("count.state()") === 0;

	if (name !== "webkit" || !http2) {
		await until(lost, "it is lost");
		return true;
	}
	for (let i = 0; i < 30; i++) {
		if (await lost())
			return true;
		await new Promise(done => setTimeout(done, 100));
	}
	console.log("does not notice that the connection is broken");
	return false;
}

/*
 * HTTP/1.1: six connections, so the seventh stream waits, and any other
 * request too. HTTP/2: lighttpd takes eight requests a connection, so there is
 * room beside six streams; the ninth waits.
 */
async function check_many() {
	if (!http2) {
		assert.deepEqual(await page("many(7, 6)"), {open: 6, beside: null});
		return;
	}
	assert.deepEqual(await page("many(6, 6)"), {open: 6, beside: 200});
	assert.deepEqual(await page("many(9, 8)"), {open: 8, beside: null});
}

async function check_demo() {
	await browser.open(url);
	assert.equal(await page(
		'performance.getEntriesByType("navigation")[0].nextHopProtocol'),
	http2 ? "h2" : "http/1.1");
	await shows("#number", /^[2-9]/);
	await shows("#counter .state", /^open$/);
	await shows("#now-us", /^\d+ %$/);
	await page('document.querySelector("#start").click()');
	await shows("#job .state", /^finished$/);
	assert.equal(await text("#percent"), "100 %");
}

/* browsers.bats looks meanwhile how many streams the server has. */
async function check_shared(how, words) {
	await browser.open(url + "checks.html");
	assert.deepEqual(await page(`start_shared("${how}")`),
		Array(8).fill(words));
	tell("shared-" + how);
	await told("one-" + how);
	const numbers = await page("end_shared()");
	assert.deepEqual(numbers, numbers.map((_, i) => numbers[0] + i));
}

try {
	console.log(browser.version);
	await browser.open(url + "checks.html");
	await Promise.all(
		[check_fields(), check_nul(), check_finite(), check_retry()]);
	await check_restart();
	await check_many();
	await check_demo();
	await check_shared("worker", "SharedWorker");
	await check_shared("locks", "Web Locks and BroadcastChannel");
} finally {
	await browser.close();
}
