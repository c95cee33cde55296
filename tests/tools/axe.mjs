/*
 * axe.mjs BROWSER URL: each page in that browser, on a site that allows nothing
 * of other hosts and has axe-core as /axe.js: axe finds no fault. For page.bats;
 * page.mjs does the same in Chromium, in several sizes.
 */
import assert from "node:assert/strict";
import { mkdtempSync } from "node:fs";
import { drivers } from "./drivers.mjs";
import { until } from "./scene.mjs";

const [name, url] = process.argv.slice(2);
const text = (id, expected) =>
	`${expected}.test(document.querySelector("${id}")?.textContent)`;
const ready = {
	"": text("#now-us", /^\d+ %$/),
	"log.html?src=/cgi-bin/colours": text("#lines", /last line/),
	"job.html": text("#job .state", /^not started$/),
	"chat.html": text("#chat .state", /^open$/),
	"doctor.html?url=/cgi-bin/nothing": text("#verdict", /Nothing was examined/),
};
const page = await drivers[name](mkdtempSync(process.cwd() + "/browser."));

try {
	for (const [path, condition] of Object.entries(ready)) {
		await page.open(url + path);
		await until(() => page.evaluate(condition), `${path} is ready`);
		await page.evaluate(`new Promise((done, failed) => {
			const script = document.createElement("script");
			script.onload = () => done(0);
			script.onerror = () => failed("no axe.js");
			script.src = "/axe.js";
			document.head.append(script);
		})`);
		assert.deepEqual(await page.evaluate(`axe.run().then(({violations}) =>
			violations.map(({id, nodes}) =>
				[id, ...nodes.map(node => node.html)]))`), [], path);
	}
} finally {
	await page.close();
}
process.exit(0);
