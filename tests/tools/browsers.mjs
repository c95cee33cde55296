/*
 * browsers.mjs BROWSER SCENARIO URL [URL]: has a browser go through
 * checks.html and the demo page, for browsers.bats. Exits 0, or says what is
 * wrong.
 * Files in the current folder tell browsers.bats how far it is, and it the
 * browser: see scene.mjs.
 */
import assert from "node:assert/strict";
import { mkdirSync } from "node:fs";
import { drivers } from "./drivers.mjs";
import { tell, told, until } from "./scene.mjs";

const [name, scenario, url, other] = process.argv.slice(2);
const http2 = url.startsWith("https:");
const WATCHED = Number(process.env.WATCHED ?? 20); // seconds, after a failure
const folder = process.cwd() + "/browser";

mkdirSync(folder);
const browser = await drivers[name](folder);

const page = code => browser.evaluate(code);
const text = selector =>
	page(`document.querySelector("${selector}")?.textContent ?? ""`);
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
 * The server sets the reconnection time, and gets the last id. A busy machine
 * may be late, so the shortest of three pauses counts.
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

/* 204 ends the EventSource. */
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

/*
 * browsers.bats says later that a job that failed ran once: neither the
 * EventSource nor the page asks again, for as long as it has reason to.
 */
async function check_failed_job() {
	await browser.open(url + "checks.html");
	assert.deepEqual(await page('until_refused("/cgi-bin/fails")'),
		[["message", "x"], ["end", "3"]]);
	await browser.open(url);
	await page('document.querySelector("#fail").click()');
	await page('document.querySelector("#start").click()');
	await shows("#job .state", /^failed$/);
	await shows("#job .said", /failed with status 3/);
	await new Promise(done => setTimeout(done, 1000 * WATCHED));
	await shows("#job .said", /failed with status 3/);
	console.log(`it has not run again within ${WATCHED} s`);
}

/* A page of this origin, which -O names there, and streams of another one. */
async function check_cross() {
	const places = ["none", "place (1)", "place (1)"];

	await browser.open(url + "checks.html");
	assert.deepEqual(await page(`resumed("${other}cgi-bin/place", 3)`),
		places.map(place => `GET ${place} -`));
	assert.deepEqual(await page(
		`resumed_by_library("${other}cgi-bin/place", 3)`),
	places.map(place => `GET ${place} Bearer me`));
	for (const method of ["GET", "POST"])
		assert.deepEqual(await page(`fetched("${other}cgi-bin/place", {
			method: "${method}", headers: {
				"Last-Event-ID": "a", Authorization: "Bearer me"}})`),
		[`${method} a Bearer me`]);
}

/* Another name for this site: an origin that no -O names. */
async function check_strangers() {
	const stranger = url.replace("127.0.0.1", "localhost");

	await browser.open(stranger + "checks.html");
	for (const program of ["place", "count"]) {
		assert.deepEqual(await page(
			`until_refused("${other}cgi-bin/${program}")`), []);
		assert.equal(await page(`fetched("${other}cgi-bin/${program}")`),
			"TypeError");
	}
	await page(`post_blindly("${other}cgi-bin/job")`);
}

/* DNS rebinding: with a name of this machine, requests look same-origin. */
async function check_rebinding() {
	const [, port] = /:(\d+)\/$/.exec(other);
	const status = "answer => answer.status";

	await browser.open(`http://${browser.stranger}:${port}/`);
	assert.equal(await page("location.hostname"), browser.stranger);
	assert.equal(await page(`fetch("/cgi-bin/job", {method: "POST"})
		.then(${status})`), 403);
	assert.equal(await page(`fetch("/cgi-bin/count").then(${status})`), 403);
}

/* browsers.bats cuts the network and goes on writing the log. */
async function check_cut() {
	const KEEPALIVE = 4; // of the log, as browsers.bats has it
	const lines = async () => (await text("#lines")).match(/\d+;/g) ?? [];

	await browser.open(url);
	await shows("#number", /^[1-9]/);
	/* between two lines come keepalives, which give their interval */
	await until(async () => (await lines()).length > 0, "lines come");
	const first = (await lines()).length;
	await until(async () => (await lines()).length > first + 1, "two more");
	tell("counting");
	await told("cut");
	await new Promise(done => setTimeout(done, 30000));
	const before = (await lines()).length, number = Number(await text("#number"));
	tell("lost");
	await told("mended");
	const start = Date.now();
	await until(async () => (await lines()).length > before, "lines come");
	const ms = Date.now() - start;
	console.log(`the log is there again after ${ms} ms`);
	await until(async () => await text("#number") > number, "it counts on");
	console.log(`the counter after ${Date.now() - start} ms`);
	assert.ok(ms < 2000 * KEEPALIVE, "within twice the time");
	const seen = (await lines()).map(line => parseInt(line, 10));
	assert.deepEqual(seen, seen.map((_, i) => seen[0] + i));
}

/* All pages, where a policy allows nothing but this site, which has /axe.js. */
async function check_pages() {
	for (const [path, selector, expected] of [
		["", "#now-us", /^\d+ %$/], ["log.html", "#lines", /GET/],
		["job.html", "#job .state", /^not started$/],
		["chat.html", "#chat .state", /^open$/],
		["doctor.html?url=/cgi-bin/nothing", "#verdict", /Nothing was/]]) {
		await browser.open(url + path);
		await shows(selector, expected);
		assert.ok(await page("document.documentElement.scrollWidth <= innerWidth"));
		await page(`new Promise((done, failed) => {
			const script = document.createElement("script");
			script.onload = () => done(0);
			script.onerror = () => failed("no axe.js");
			script.src = "/axe.js";
			document.head.append(script);
		})`);
		assert.deepEqual(await page(`axe.run().then(({violations}) =>
			violations.map(({id, nodes}) =>
				[id, ...nodes.map(node => node.html)]))`), [], path);
	}
}

const scenarios = {
	pages: check_pages,
	async all() {
		await browser.open(url + "checks.html");
		await Promise.all(
			[check_fields(), check_nul(), check_finite(), check_retry()]);
		await check_restart();
		await check_many();
		await check_demo();
	},
	job: check_failed_job,
	async origins() {
		await check_cross();
		await check_strangers();
		await check_rebinding();
	},
	cut: check_cut,
};

try {
	console.log(browser.version);
	await scenarios[scenario]();
} finally {
	await browser.close();
}
