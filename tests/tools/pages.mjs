/*
 * pages.mjs: what page.mjs and log.mjs share: they are called with SCENARIO URL,
 * and drive the pages of www/ in headless Chromium, for page.bats. They exit 0,
 * or say what is wrong. Files in the current folder tell page.bats how far they
 * are: see scene.mjs.
 */
import { chromium } from "playwright-core";

export { tell, told, until } from "./scene.mjs";
const [scenario, where] = process.argv.slice(2);
export const url = where, DEADLINE = 60000;

export async function open(browser, options = {}, prepare = () => {}, path = "") {
	const page = await browser.newPage(
		{viewport: {width: 1200, height: 800}, ...options});

	page.setDefaultTimeout(DEADLINE);
	page.failures = [];
	page.said = [];
	page.hosts = new Set();
	page.on("pageerror", error => page.failures.push(String(error)));
	page.on("console", message => {
		page.said.push(message.text());
		if (/Content Security Policy/.test(message.text()))
			page.failures.push(message.text());
	});
	page.on("request", request => page.hosts.add(new URL(request.url()).host));
	await prepare(page);
	await page.goto(url + path);
	return page;
}

/* Waits until what is between the words of selector matches. */
export const shows = (page, selector, expected) => page.waitForFunction(
	([selector, source]) => new RegExp(source, "u").test(
		document.querySelector(selector).textContent),
	[selector, expected.source], {timeout: DEADLINE});

/* Runs the scenario that was asked for. */
export async function play(scenarios) {
	const browser = await chromium.launch({
		executablePath: process.env.CHROMIUM || "/usr/bin/chromium",
		args: ["--no-sandbox", "--disable-dev-shm-usage", "--disable-gpu"],
		timeout: DEADLINE,
	});

	try {
		await scenarios[scenario](browser);
	} finally {
		await browser.close();
	}
}
