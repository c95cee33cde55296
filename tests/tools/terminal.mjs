/*
 * terminal.mjs BROWSER URL: asciinema-player shows in that browser what tmux
 * shows of the same program, of which the file "screen" here is the number:
 * at first, after a reload, and after the server was away. Files tell
 * examples.bats how far it is, and it this program.
 */
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { existsSync, mkdtempSync, writeFileSync } from "node:fs";
import { setTimeout as later } from "node:timers/promises";
import { drivers } from "./drivers.mjs";

const [name, url] = process.argv.slice(2);
const DEADLINE = 60000;
const browser = await drivers[name](mkdtempSync(process.cwd() + "/browser."));

const lines = text => text.split("\n").map(line => line.trimEnd());

/* The lines of a local terminal; -N keeps no blanks at their ends. */
const local = () => lines(execFileSync("tmux", ["-S", process.cwd() + "/tmux",
	"capture-pane", "-p", "-t", "local"], {encoding: "utf8"})).slice(0, 24);

const shown = async () => lines(await browser.evaluate(
	"[...document.querySelectorAll('.ap-line')]" +
	".map(line => line.textContent).join('\\n')"));

async function shows(number) {
	const end = Date.now() + DEADLINE;
	let mine, theirs;

	writeFileSync("screen", String(number));
	do {
		assert.ok(Date.now() < end, `screen ${number}: ${mine?.join("\n")}`);
		await later(100);
		[mine, theirs] = [await shown(), local()];
	} while (!mine[0]?.includes(`screen ${number} `) ||
		mine.join("\n") !== theirs.join("\n"));
	assert.equal(mine.length, 24);
}

try {
	await browser.open(url + "/pages/terminal.html");
	await shows(1);
	await shows(2);
	await browser.open(url + "/pages/terminal.html?again");
	await shows(2); // of a program that draws nothing by itself now
	writeFileSync("shown", "");
	while (!existsSync("away"))
		await later(50);
	await shows(3);
	console.log(browser.version);
} finally {
	await browser.close();
}
