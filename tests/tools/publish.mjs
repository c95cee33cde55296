/*
 * publish.mjs BROWSER SCENE URL: two pages of www/chat.html or of www/job.html
 * in that browser, for publish.bats. Files in the current folder tell
 * publish.bats how far they are, and it this program.
 */
import assert from "node:assert/strict";
import { mkdtempSync, readdirSync, readFileSync } from "node:fs";
import { drivers } from "./drivers.mjs";
import { tell, told, until } from "./scene.mjs";

const [name, scene, url] = process.argv.slice(2);
const browser = () => drivers[name](mkdtempSync(process.cwd() + "/browser."));
const pages = [await browser(), await browser()];
const [one, other] = pages;

/* Both show the file's lines of that type, and no line became HTML. */
async function chats(count, what) {
	const lines = () => readFileSync("news", "utf8").split("\n")
		.filter(line => line.startsWith("chat\t"))
		.map(line => line.slice(5));

	await until(() => lines().length >= count, `${what}: published`);
	for (const page of pages) {
		let shown;

		await until(async () => {
			shown = await page.evaluate(
				"[...document.querySelectorAll('#said > div')]" +
				".map(item => item.textContent)");
			return shown.length >= count;
		}, `${what}: shown`);
		assert.deepEqual(shown, lines(), what);
		assert.equal(await page.evaluate(
			"document.querySelectorAll('#said > div *').length"), 0);
	}
}

async function say(page, text) {
	await page.evaluate(`(() => {
		document.getElementById("text").value = ${JSON.stringify(text)};
		document.querySelector("button").click();
	})()`);
}

async function chat() {
	for (const page of pages) {
		await page.open(url + "chat.html");
		await page.evaluate("document.cookie = 'user=" +
			(page === one ? "alice" : "bob") + "; path=/'");
	}
	await say(one, '<img src=x onerror="document.body.remove()"> & "hi"');
	await chats(1, "alice says HTML");
	await say(other, "naïve 🎉 </script>");
	await chats(2, "bob answers");
	await other.evaluate("document.cookie = 'user=eve; path=/'");
	await say(other, "I am alice");
	await until(() => other.evaluate(
		"document.querySelector('.said').textContent.endsWith(' 403.')"),
	"who is not known is refused");
	tell("said");
	await told("restarted");
	await chats(3, "while the server was away");
	await say(one, "back");
	await chats(4, "after that");
}

const log = page => page.evaluate("[...document.querySelectorAll(" +
	"'#output > div')].map(line => line.textContent + '\\n').join('')");
const steps = async page => (await log(page)).split("\n").length;

/* From its first line, each step once. */
async function whole(page, what) {
	const lines = (await log(page)).split("\n").slice(1, -1);

	assert.deepEqual(lines.filter(line => line.startsWith("step")),
		lines.filter(line => line.startsWith("step"))
			.map((line, i) => `step ${i + 1} & on`), what);
}

async function goes_on(page, what) {
	const before = await steps(page);

	await until(async () => await steps(page) > before + 3, what);
	await whole(page, what);
}

async function deploy() {
	await one.open(url + "job.html");
	await until(() => one.evaluate("document.querySelector('#job .state')" +
		".textContent === 'not started'"), "it was looked for");
	await one.evaluate("document.getElementById('start').click()");
	await until(async () => await steps(one) > 2, "the job has begun");
	await other.open(url + "job.html");
	for (const page of pages)
		await goes_on(page, "the job runs, and each page shows it");
	assert.equal(await other.evaluate(
		"fetch('/cgi-bin/examples/deploy', {method: 'POST'})" +
		".then(answer => answer.status)"), 409);
	for (const time of [1, 2]) {
		tell("running" + time);
		await told("restarted" + time);
		for (const page of pages)
			await goes_on(page, "after the server's end " + time);
		await other.open(url + "job.html");
		await goes_on(other, "a page that was reloaded");
	}
	tell("seen");
	const ended = async page => await page.evaluate(
		"document.querySelector('.said').textContent") ===
		"The job failed with status 3.";

	for (const page of pages)
		await until(() => ended(page), "the status");
	await other.open(url + "job.html");
	await until(() => ended(other), "the status, after a reload");
	const [run] = readdirSync("jobs").filter(file => file.startsWith("run."));

	for (const page of pages)
		assert.equal(await log(page), readFileSync(`jobs/${run}/log`, "utf8"));
}

try {
	await {chat, deploy}[scene]();
} finally {
	for (const page of pages)
		await page.close();
}
process.exit(0);
