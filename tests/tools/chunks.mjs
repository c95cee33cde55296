/*
 * chunks.mjs BROWSER URL [SEED]: a hundred random outputs for each program of
 * chunks.bats that runs sse-pipe -C, in files that it sends; what a page joins
 * must be what is in the file. Exits 0, or says what differs.
 */
import assert from "node:assert/strict";
import { mkdirSync, writeFileSync } from "node:fs";
import { drivers } from "./drivers.mjs";
import { outputs, seen } from "./outputs.mjs";

const OUTPUTS = 100, CR = 13;
const [name, url, seed = String(Date.now() % 2 ** 31)] = process.argv.slice(2);
const {random, pick, bytes} = outputs(seed);

/* In the page: the joined data of all events of each stream, in turn. */
async function joined(urls, json) {
	const all = [];

	for (const url of urls)
		all.push(await new Promise(done => {
			const source = new EventSource(url);
			let text = "";

			source.onmessage = ({data}) =>
				text += json ? JSON.parse(data) : data;
			source.addEventListener("end", () => {
				source.close();
				done(text);
			});
		}));
	return all;
}

async function check(browser, program, without, shown) {
	const files = Array.from({length: OUTPUTS},
		(_, i) => `outputs/${program}.${i}`);
	const expected = files.map(file => {
		const whole = bytes(random(pick([60, 1000, 20000])), without);
		writeFileSync(file, whole);
		return shown(seen(whole));
	});
	const urls = files.map(file => `/cgi-bin/${program}?${file}`);
	const texts = await browser.evaluate(
		`(${joined})(${JSON.stringify(urls)}, ${program === "json"})`);

	texts.forEach((text, i) => assert.equal(text, expected[i],
		`seed ${seed}: ${urls[i]}`));
	assert.equal(texts.length, OUTPUTS);
	console.log(`${program}: ${OUTPUTS} outputs as sent`);
}

mkdirSync("browser");
mkdirSync("outputs");
const browser = await drivers[name](process.cwd() + "/browser");
try {
	console.log(browser.version);
	await browser.open(url + "checks.html");
	/* Firefox leaves NUL out of data */
	await check(browser, "plain", [CR],
		text => name === "firefox" ? text.replaceAll("\0", "") : text);
	await check(browser, "json", [], text => text);
} finally {
	await browser.close();
}
