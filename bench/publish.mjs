/*
 * publish.mjs COUNT URL TARGET: microseconds from the writing of a message to
 * a page in Chromium, which reads URL by EventSource, that has it: median and
 * 99 %. TARGET is a file, to which a line is appended, or a URL, to which it is
 * posted.
 */
import { appendFileSync } from "node:fs";
import { setTimeout as later } from "node:timers/promises";
import { chromium } from "playwright-core";

const [count, url, target] = process.argv.slice(2);
const now = () => performance.timeOrigin + performance.now();
const write = target.startsWith("http:")
	? text => fetch(target, {method: "POST", body: text})
	: text => appendFileSync(target, text + "\n");

const browser = await chromium.launch({
	executablePath: process.env.CHROMIUM || "/usr/bin/chromium",
	args: ["--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"],
});
const page = await browser.newPage();
await page.goto(new URL("/", url).href).catch(() => {}); // whatever is there
await page.evaluate(path => new Promise(done => {
	globalThis.now = () => performance.timeOrigin + performance.now();
	globalThis.came = [];
	const source = new EventSource(path);
	source.onopen = done;
	source.onmessage = event => came.push([event.data, now()]);
}), url);

/* The page's clock less ours, from the quickest of many questions. */
let best = Infinity, ahead = 0;
for (let i = 0; i < 200; i++) {
	const before = now(), theirs = await page.evaluate("now()");
	const took = now() - before;
	if (took < best)
		[best, ahead] = [took, theirs - before - took / 2];
}

const sent = new Map();
for (let i = 0; i < count; i++) {
	sent.set(`message ${i}`, now());
	await write(`message ${i}`);
	await later(5);
}
await page.waitForFunction(n => came.filter(
	([data]) => data.startsWith("message ")).length >= n, +count);
const us = (await page.evaluate("came"))
	.filter(([data]) => sent.has(data))
	.map(([data, at]) => 1000 * (at - ahead - sent.get(data)))
	.sort((a, b) => a - b);
await browser.close();
if (us.length !== +count)
	throw new Error(`${us.length} messages, not ${count}`);
console.log(`median_us ${us[us.length >> 1].toFixed(0)}`);
console.log(`p99_us ${us[Math.floor(us.length * 0.99)].toFixed(0)}`);
