/*
 * log.mjs SCENARIO URL: the page log.html of www/: see pages.mjs.
 */
import assert from "node:assert/strict";
import { appendFileSync, readFileSync } from "node:fs";
import { DEADLINE, open, play, shows, until, url } from "./pages.mjs";

/* The page's tasks of a trace: how many, and the processor's ms of the longest. */
function tasks(trace) {
	const {traceEvents} = JSON.parse(trace.toString());
	const {pid, tid} = traceEvents.findLast(({name}) => name === "FunctionCall");
	const ms = traceEvents.filter(event => event.pid === pid &&
		event.tid === tid && event.ph === "X" && event.tdur > 0 &&
		/RunTask|PerformMicrotaskCheckpoint/.test(event.name))
		.map(event => event.tdur / 1000).sort((a, b) => b - a);

	return {longest: ms[0], long: ms.filter(each => each > 50).length,
		all: ms.reduce((sum, each) => sum + each, 0)};
}

function report(what, {longest, long, all}, more = "") {
	console.log(`${what}: ${Math.round(all)} ms of the processor, longest task ` +
		`${Math.round(longest)} ms, above 50 ms: ${long}. ${more}`);
	assert.ok(longest < 100, "no task is long"); // 50 where nothing else runs
}

/* How far the end of the lines is below what is seen. */
const below = page => page.$eval("#lines", node =>
	node.scrollHeight - node.scrollTop - node.clientHeight);

/* Waits for two frames: what is scrolled to, or typed, has its effect. */
const frames = page => page.evaluate(() => new Promise(done =>
	requestAnimationFrame(() => requestAnimationFrame(done))));

/* The text of the line that is at the top of what is seen. */
const top = page => page.evaluate(() => {
	const {left, top} = document.querySelector("#lines").getBoundingClientRect();

	return document.elementFromPoint(left + 100, top + 8)
		.closest(".line")?.textContent;
});

const scenarios = {
	/* The log viewer: page.bats has written lines, this one writes on. */
	async viewer(browser) {
		const context = await browser.newContext(
			{permissions: ["clipboard-read", "clipboard-write"]});
		const page = await open(context, {}, () => {},
			"log.html?src=/cgi-bin/lines");
		const lines = () => page.$$eval(".line", all => all.map(line =>
			line.textContent.replace(/^[\d:.]+/, "")));
		const write = (...all) => appendFileSync("lines",
			all.map(line => `app\t${line}\n`).join(""));
		const count = expected => shows(page, "#count", expected);

		/* all of a line is text, and colours are all that is left of escapes */
		await count(/^7 of 7 lines/);
		assert.deepEqual((await lines()).slice(0, 4), [
			"web<img src=x onerror=document.title=1><b>bold</b>",
			"app red plain after link \u2407",
			"Lines are missing here: the file was replaced",
			"webneedle 1 ERROR"]);
		assert.equal(await page.$("#lines img, #lines a"), null);
		assert.equal(await page.textContent("#lines .f1"), "red");
		assert.equal(await page.$$eval(".gap", all => all.length), 1);
		assert.equal(await page.getAttribute(".match, [data-level]",
			"data-level"), "error");

		/* sources: one that is off looks so, also without colours */
		await page.click("#sources >> text=web");
		await count(/^4 of 7 lines/);
		assert.deepEqual(await page.$$eval("#sources button", all => all.map(
			node => getComputedStyle(node).textDecorationLine)),
		["line-through", "none"]);
		await page.click("#sources >> text=web");
		await count(/^7 of 7 lines/);

		/* search: text, /expression/, and only what matches */
		await page.focus("#lines");
		await page.keyboard.press("/");
		await page.keyboard.type("NEEDLE 1");
		await count(/0 match/);
		await page.fill("#sought", "/NEEDLE 1/gi");
		await count(/1 match/);
		await page.fill("#sought", "needle");
		await count(/^7 of 7 lines, 3 match/);
		assert.equal(await page.$$eval("mark", all => all.length), 3);
		await page.fill("#sought", "/needle [23]/");
		await page.check("#only");
		await count(/^3 of 7 lines, 2 match/); // and the gap
		await page.focus("#lines");
		await page.keyboard.press("n");
		assert.match(await page.textContent(".current"), /needle 2/);
		await page.keyboard.press("n");
		assert.match(await page.textContent(".current"), /needle 3/);
		await page.fill("#sought", "/needle [/");
		await page.waitForSelector("#sought:invalid");
		await shows(page, "#said", /needle \[.+/);
		await page.fill("#sought", "");
		await shows(page, "#said", /^$/);
		await page.uncheck("#only");

		/* Enter right after the last key finds what was typed */
		await page.fill("#sought", "");
		await page.focus("#sought");
		await page.keyboard.type("needle 2");
		await page.keyboard.press("Enter");
		await page.waitForSelector("#lines .current >> text=needle 2");
		assert.ok(await page.$eval("#sought", node => {
			node.value = node.placeholder;
			return node.scrollWidth <= node.clientWidth;
		}), "it can be read what is searched");
		await page.fill("#sought", "");

		/* going to a match pauses; the button follows again */
		await shows(page, "#follow", /^Follow$/);
		write("while it waits");
		await shows(page, "#follow", /^Follow .1 new/);
		await count(/^7 of 8/);
		await page.focus("#lines");
		await page.keyboard.press("End");
		await count(/^8 of 8/);
		await page.keyboard.press(" ");
		await shows(page, "#follow", /^Follow$/);
		await page.keyboard.press(" ");
		write(...Array(100).fill("more"));
		await count(/^108 of 108/);
		await until(async () => await below(page) < 30, "it follows");
		await page.hover("#lines");
		await page.mouse.wheel(0, -300);
		await shows(page, "#follow", /^Follow$/);
		await page.mouse.wheel(0, 9000);
		await shows(page, "#follow", /^Pause$/);

		/* copy and download are what is shown, without times if these are not */
		await page.uncheck("#times");
		await page.fill("#sought", "needle");
		await page.check("#only");
		await count(/3 match/);
		const text = "Lines are missing here: the file was replaced\n" +
			"web  needle 1 ERROR\napp  needle 2\nweb  needle 3\n";
		await page.click("#copy");
		await shows(page, "#said", /4 lines are copied/);
		assert.equal(await page.evaluate(() => navigator.clipboard.readText()),
			text);
		const [download] = await Promise.all([page.waitForEvent("download"),
			page.click("#download")]);
		assert.equal(readFileSync(await download.path(), "utf8"), text);
		assert.deepEqual(page.failures, []);
	},

	/* A link to log.html has no other host's lines shown, or asked for. */
	async strange(browser) {
		for (const src of ["https://evil.example/log", "//evil.example/log",
			"data:text/event-stream,data:x%0a%0a", "javascript:alert(1)",
			"//", "http://["]) {
			const page = await open(browser, {}, () => {},
				"log.html?src=" + encodeURIComponent(src));
			await shows(page, "#said", /is no stream of this site/);
			await shows(page, "#state", /closed/);
			assert.deepEqual([...page.hosts], [new URL(url).host]);
			assert.deepEqual(page.failures, []);
			await page.close();
		}
	},

	/* Lines of several rows come all the time; only the reader pauses the page. */
	async follow(browser) {
		for (const width of [1200, 375]) {
			const page = await open(browser, {viewport: {width, height: 700}},
				() => {}, "log.html?src=/cgi-bin/wrapped");
			const rest = () => page.textContent("#follow");

			for (const what of ["", "wrap", "wrap", "times"]) {
				const count = async () => parseInt((await page.textContent(
					"#count")).replace(",", ""), 10) || 0;
				const before = await count();
				if (what !== "")
					await page.click("#" + what);
				await until(async () => {
					assert.equal(await rest(), "Pause", what);
					return await count() > before + 250;
				}, "lines come");
				await until(async () => await below(page) < 30, "the end");
			}
			await page.setViewportSize({width: width - 50, height: 500});
			await frames(page);
			await until(async () => await below(page) < 30, "the end");
			assert.equal(await rest(), "Pause");

			/* what pauses, and holds while lines come */
			const ways = {
				key: () => page.keyboard.press(" "),
				button: () => page.$eval("#follow", node => node.click()),
				up: () => page.keyboard.press("PageUp"),
				wheel: () => page.mouse.wheel(0, -400),
				bar: () => page.$eval("#lines", node => node.scrollTop -= 400),
				match: () => page.keyboard.press("n"),
			};
			await page.fill("#sought", "/line \\d*7 /");
			await shows(page, "#count", /match/);
			await page.hover("#lines");
			for (const [name, pause] of Object.entries(ways)) {
				await page.focus("#lines");
				await pause();
				await shows(page, "#follow", /^Follow .\d+ new/);
				for (let i = 0; i < 10; i++) {
					await frames(page);
					assert.match(await rest(), /^Follow/, name);
				}
				await page.keyboard.press("End");
				await shows(page, "#follow", /^Pause/);
				await until(async () => await below(page) < 30, "the end");
			}
			assert.deepEqual(page.failures, []);
			await page.close();
		}
	},

	/* What is searched or left out does not move a reader who has paused. */
	async place(browser) {
		const page = await open(browser, {}, () => {},
			"log.html?src=/cgi-bin/two");
		const number = text => Number(/line (\d+)/.exec(text)[1]);
		const last = async () => number(await page.$$eval(".line",
			all => all.at(-1).textContent));
		const seen = async () => number(await top(page));
		const drawn = async () => {
			await new Promise(done => setTimeout(done, 300));
			await shows(page, "#count", /lines/);
		};

		await shows(page, "#count", /^3,\d+ of/);
		await page.focus("#lines");
		for (let i = 0; i < 20; i++) {
			await page.keyboard.press("PageUp");
			await frames(page);
		}
		await until(async () => {
			const before = await top(page);
			await new Promise(done => setTimeout(done, 200));
			return before === await top(page);
		}, "it has scrolled");
		const [at, end] = [await seen(), await last()];

		await page.fill("#sought", "line");
		await shows(page, "#count", /match/);
		await drawn();
		assert.equal(await seen(), at);
		assert.equal(await last(), end);
		await page.click("#sources >> text=web");
		await drawn();
		assert.ok(Math.abs(await seen() - at) <= 1, "the next that is shown");
		await page.check("#only");
		await page.fill("#sought", "nothing has this");
		await shows(page, "#count", /^0 of/);
		await page.fill("#sought", "");
		await page.click("#sources >> text=web");
		await shows(page, "#count", /^3,/);
		await drawn();
		assert.ok(Math.abs(await seen() - at) <= 1, "where it was");
		assert.equal(await last(), end);
		assert.match(await page.textContent("#follow"), /^Follow .\d+ new/);
		assert.deepEqual(page.failures, []);
	},

	/* Lines that are made to be costly cost no more than others. */
	async costly(browser) {
		const page = await open(browser, {}, () => {}, "doctor.html");
		const trace = async (what, path, action, expected) => {
			await browser.startTracing(page,
				{categories: ["toplevel", "devtools.timeline"]});
			if (path !== "")
				await page.goto(url + "log.html?src=/cgi-bin/" + path);
			await action();
			await shows(page, "#count", expected);
			report(what, tasks(await browser.stopTracing()));
		};
		const come = () => {};
		const search = text => () => page.fill("#sought", text);

		await trace("a line of 100,000 colours", "colours", come, /^3 of 3 /);
		await trace("a search in it", "", search("a"), /1 match/);
		assert.ok(/(ab){2500}a? … \d{3},\d{3} more characters/.test(
			await page.textContent(".match")), "the beginning, and how much not");
		await trace("a line of 1 MiB", "long", come, /^3 of 3 /);
		await shows(page, ".line:nth-child(2)", /… 1,015,\d+ more characters/);
		await trace("a search in it", "", search("xx"), /1 match/);
		await trace("5,000 sources", "types", come, /^5,000 of 5,000/);
		assert.equal(await page.$$eval("#sources button", all => all.length), 21);
		await page.click("#sources >> text=others");
		await shows(page, "#count", /^20 of 5,000/);
		await trace("300 lines of 1 MB", "longs", come, /^301 of 301/);
		const session = await page.context().newCDPSession(page);
		await session.send("HeapProfiler.collectGarbage");
		const {usedSize} = await session.send("Runtime.getHeapUsage");
		assert.ok(usedSize < 50e6, `${usedSize} bytes`);
		assert.deepEqual(page.failures, []);
	},

	/*
	 * 40,000 lines at once, then 2,000 a second for SECONDS: the newest 20,000
	 * are there. A task's time is that of the processor: machines are shared.
	 */
	async flood(browser) {
		const SECONDS = Number(process.env.SECONDS || 20);
		const page = await open(browser, {}, () => {}, "doctor.html");
		const heap = async () => {
			const session = await page.context().newCDPSession(page);
			await session.send("HeapProfiler.collectGarbage");
			const {usedSize} = await session.send("Runtime.getHeapUsage");
			return usedSize / 1e6;
		};

		await browser.startTracing(page,
			{categories: ["toplevel", "devtools.timeline"]});
		await page.goto(url + "log.html?src=/cgi-bin/burst");
		const full = await page.waitForFunction(() =>
			/^20,000 of 40,000 lines/.test(
				document.querySelector("#count").textContent) &&
			performance.now(), undefined, {timeout: DEADLINE});
		report("40,000 lines", tasks(await browser.stopTracing()),
			`${Math.round(await full.jsonValue())} ms after the navigation.`);
		await page.goto(url + "log.html?src=/cgi-bin/steady");
		await shows(page, "#count", /^(19|20),\d+ of [2-9]\d,/);
		const before = await heap();
		for (let left = SECONDS; left > 0; left -= 20) {
			await browser.startTracing(page,
				{categories: ["toplevel", "devtools.timeline"]});
			await new Promise(done => setTimeout(done, 20000));
			report("2,000 lines a second", tasks(await browser.stopTracing()));
		}
		const after = await heap();
		console.log(`heap: ${before.toFixed(1)} MB, then ${after.toFixed(1)} MB`);
		assert.ok(after < before + 10, "memory is bounded");
		assert.ok(await page.$$eval(".line", all => all.length) <= 20100);
		assert.deepEqual(page.failures, []);
	},
};

await play(scenarios);
