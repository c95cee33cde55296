/*
 * doctor.mjs URL: opens doctor.html in headless Chromium, has it examine the
 * server, and prints the verdict and a line for each row: its mark, its name,
 * its words. For doctor.bats.
 */
import { chromium } from "playwright-core";

const DEADLINE = 120000;
const browser = await chromium.launch({
	executablePath: process.env.CHROMIUM || "/usr/bin/chromium",
	args: ["--no-sandbox", "--disable-dev-shm-usage", "--disable-gpu"],
	timeout: 60000,
});

try {
	const page = await browser.newPage();
	page.on("pageerror", error => console.log("error", error));
	await page.goto(process.argv[2], {timeout: DEADLINE});
	if (!process.argv[2].includes("?url="))
		await page.click("button");
	await page.waitForFunction(() => /^(This|The|Nothing)/.test(
		document.querySelector("#verdict").textContent),
	undefined, {timeout: DEADLINE});
	console.log(await page.textContent("#verdict"));
	for (const row of await page.$$("#rows li"))
		console.log((await row.evaluate(row => [
			row.querySelector(".mark").textContent, row.id,
			...Array.from(row.querySelectorAll("p"), p => p.textContent),
		])).join(" | "));
} finally {
	await browser.close();
}
