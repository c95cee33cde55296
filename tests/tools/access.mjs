/*
 * access: an EventSource that gets 401 or 403 stops for good.
 *
 *	node access.mjs FOLDER BROWSER ORIGIN PATH ...
 */
import assert from "node:assert/strict";
import { drivers } from "./drivers.mjs";

const [folder, name, origin, ...paths] = process.argv.slice(2);
const browser = await drivers[name](folder);
try {
	await browser.open(origin + "/empty.html");
	for (const path of paths)
		assert.equal(await browser.evaluate(`new Promise(done => {
			const source = new EventSource("${path}")
			source.onopen = () => done("open")
			source.onerror = () => done(source.readyState)
		})`), 2, path);
	console.log(browser.version);
} finally {
	await browser.close();
}
