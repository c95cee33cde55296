/*
 * frameworks.mjs BROWSER PAGE URL: what the page of tests/pages does in that
 * browser with the streams of cgi-bin/examples, for examples.bats. Files in
 * the current folder tell examples.bats how far it is, and it this program.
 */
import assert from "node:assert/strict";
import { mkdtempSync, readFileSync } from "node:fs";
import { setTimeout as later } from "node:timers/promises";
import { drivers } from "./drivers.mjs";
import { tell, told, until } from "./scene.mjs";

const [name, page, url] = process.argv.slice(2);
const http2 = url.startsWith("https:");
const browser = await drivers[name](mkdtempSync(process.cwd() + "/browser."));

/* The list is the file, line by line, and no line became HTML. */
async function lists(what) {
	let shown, lines;

	await until(async () => {
		shown = await browser.evaluate(
			"[...document.querySelectorAll('#list > li')]" +
			".map(item => item.textContent)");
		lines = readFileSync("list", "utf8").split("\n").slice(0, -1);
		return shown.length >= lines.length;
	}, what);
	assert.deepEqual(shown, lines, what);
	assert.equal(await browser.evaluate(
		"document.querySelectorAll('#list > li *').length"), 0);
}

/* As if another tab were seen. */
const hide = hidden => browser.evaluate(`(() => {
	Object.defineProperty(document, "hidden",
		{value: ${hidden}, configurable: true});
	Object.defineProperty(document, "visibilityState",
		{value: ${hidden} ? "hidden" : "visible", configurable: true});
	document.dispatchEvent(new Event("visibilitychange"));
})()`);

/* How far the bar is; -1 where there is none. */
const bar = () => browser.evaluate(
	"document.querySelector('#bar progress')?.value ?? -1");

try {
	await browser.open(url + `pages/${page}.html`);
	assert.equal(await browser.evaluate(
		'performance.getEntriesByType("navigation")[0].nextHopProtocol'),
	http2 ? "h2" : "http/1.1");
	await lists("the list is there");
	tell("listed");
	await told("added");
	await lists("a line comes");

	await hide(true);
	tell("hidden");
	await told("added-hidden");
	await later(500);
	await hide(false);
	await lists("nothing is lost while the tab is hidden");

	/* a job goes on in a hidden tab, and ends */
	await browser.evaluate("document.querySelector('#start').click()");
	await until(async () => await bar() >= 10, "the job runs");
	await hide(true);
	const before = await bar();
	await until(async () => await bar() > before, "it goes on");
	await hide(false);
	const seen = [];
	await until(async () => {
		seen.push(await bar());
		return seen.at(-1) === 100;
	}, "it ends");
	assert.deepEqual(seen, [...seen].sort((a, b) => a - b));

	tell("over");
	await told("restarted");
	/*
	 * WebKit takes a fetch that is cut for one that has ended, and does not
	 * notice that an HTTP/2 connection is.
	 */
	if (name !== "webkit" || (page !== "datastar" && !http2))
		await lists("nothing is lost while the server is away");
	assert.equal(await bar(), 100);
} finally {
	await browser.close();
}
process.exit(0);
