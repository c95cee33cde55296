/*
 * page.mjs SCENARIO URL: drives the pages of www/ in headless Chromium, for
 * page.bats. Exits 0, or says what is wrong. Files in the current folder
 * tell page.bats how far it is: see tell().
 */
import assert from "node:assert/strict";
import { appendFileSync, existsSync, readFileSync, writeFileSync } from "node:fs";
import { chromium } from "playwright-core";

const [scenario, url] = process.argv.slice(2);
const DEADLINE = 60000;

async function open(browser, options = {}, prepare = () => {}, path = "") {
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
const shows = (page, selector, expected) => page.waitForFunction(
	([selector, source]) => new RegExp(source, "u").test(
		document.querySelector(selector).textContent),
	[selector, expected.source], {timeout: DEADLINE});

const number = page => page.textContent("#number").then(Number);

async function eventually(condition, what) {
	const end = Date.now() + DEADLINE;

	while (!await condition()) {
		assert.ok(Date.now() < end, `in time: ${what}`);
		await new Promise(done => setTimeout(done, 50));
	}
}

const tell = name => writeFileSync(name, "");

/* Text whose contrast to what is behind it is below 4.5, with its ratio. */
function faint() {
	const luminance = color => color.map(c => c / 255)
		.map(c => c <= .04045 ? c / 12.92 : ((c + .055) / 1.055) ** 2.4)
		.reduce((sum, c, i) => sum + c * [.2126, .7152, .0722][i], 0);
	const parse = css => css.match(/[\d.]+/g).map(Number);
	const behind = node => {
		for (; node; node = node.parentElement) {
			const color = parse(getComputedStyle(node).backgroundColor);
			if (color.length === 3 || color[3] === 1)
				return color;
		}
		return [255, 255, 255];
	};
	const texts = document.createTreeWalker(document.body,
		NodeFilter.SHOW_TEXT);
	const found = [];

	while (texts.nextNode()) {
		const node = texts.currentNode.parentElement;
		if (!texts.currentNode.data.trim() || node.checkVisibility() === false ||
			["SCRIPT", "STYLE"].includes(node.tagName))
			continue;
		const [low, high] = [parse(getComputedStyle(node).color).slice(0, 3),
			behind(node).slice(0, 3)].map(luminance).sort((a, b) => a - b);
		const ratio = (high + .05) / (low + .05);
		if (ratio < 4.5)
			found.push(`${ratio.toFixed(2)}: ${texts.currentNode.data.trim()}`);
	}
	return found;
}

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

const scenarios = {
	/* The counter rises, in the console too, with its id. */
	async counter(browser) {
		const page = await open(browser);

		await shows(page, "#number", /^[3-9]/);
		await shows(page, "#counter .state", /^open$/);
		const n = await number(page);
		await eventually(async () => await number(page) > n, "it counts on");
		for (let i = 1; i <= n; i++)
			assert.ok(page.said.includes(`New message: ${i}`), `${i} is logged`);
		assert.match(await page.textContent("#last-id"), /^\d+$/);
		assert.equal(await page.textContent("#reconnections"), "0");
		assert.deepEqual([...page.hosts], [new URL(url).host]);
		assert.deepEqual(page.failures, []);
	},

	/* page.bats kills the server and starts it again. */
	async restart(browser) {
		const page = await open(browser);

		await shows(page, "#number", /^[2-9]/);
		tell("counting");
		await shows(page, "#counter .state", /^waiting$/);
		await shows(page, "#counter .said", /connection was lost/);
		const n = await number(page);
		tell("lost");
		await shows(page, "#counter .state", /^open$/);
		await shows(page, "#reconnections", /^1$/);
		await eventually(async () => await number(page) > n, "it goes on");
		assert.ok(await number(page) <= n + 20, "not from 1 again");
		assert.ok(page.said.includes(`New message: ${n + 1}`), "no gap");
		assert.equal(page.said.filter(
			text => text === "New message: 1").length, 1);
		await shows(page, "#load .state", /^open$/);
		assert.deepEqual(page.failures, []);
	},

	/* The job ends, and nothing starts it again. */
	async job(browser) {
		const page = await open(browser);

		await shows(page, "#job .state", /^not started$/);
		await page.click("#start");
		await shows(page, "#job .state", /^running$/);
		await shows(page, "#percent", /^[1-9]\d? %$/);
		await shows(page, "#output", /20 of 100 parts are done/);
		await shows(page, "#job .state", /^finished$/);
		await shows(page, "#job .said", /ended well, with status 0/);
		assert.equal(await page.textContent("#percent"), "100 %");
		assert.equal(await page.getAttribute("#progress", "value"), "100");
		assert.equal(await page.textContent("#start"), "Run again");

		/* a job that fails says so, and what it wrote stays */
		await page.check("#fail");
		await page.click("#start");
		await shows(page, "#job .state", /^failed$/);
		await shows(page, "#job .said", /failed with status 3/);
		assert.match(await page.textContent("#output"), /no space left/);
		assert.equal(await page.textContent("#percent"), "60 %");
		assert.deepEqual(page.failures, []);
	},

	/* One that outlives its viewers is found again, from its first line. */
	async found(browser) {
		const page = await open(browser, {}, () => {}, "job.html");
		const lines = () => page.$$eval("#output div", all =>
			all.map(line => line.textContent));
		const begins = async () => (await lines()).every((line, i) =>
			line === `line ${i + 1}`);

		await shows(page, "#job .state", /^not started$/);
		await page.click("#start");
		await shows(page, "#output", /line 5/);
		await page.reload();
		await shows(page, "#job .state", /^running$/);
		await shows(page, "#output", /line 7/);
		assert.ok(await begins(), "from the first line");
		assert.equal(await page.textContent("#start"), "Stop looking");
		tell("reloaded");
		await shows(page, "#job .state", /^finished$/);
		assert.ok(await begins(), "each line once");
		assert.equal(await page.textContent("#start"), "Run again");
		assert.deepEqual(page.failures, []);
	},

	/* It is stopped half-way, and page.bats sees that it is gone. */
	async stop(browser) {
		const page = await open(browser);

		await page.click("#start");
		await shows(page, "#percent", /^[1-9]\d? %$/);
		tell("running");
		await eventually(() => existsSync("seen"), "the job is seen");
		await page.click("#start");
		await shows(page, "#job .state", /^closed$/);
		await shows(page, "#job .said", /You stopped it. The job has ended/);
		tell("stopped");
		await eventually(() => existsSync("gone"), "the job is gone");

		/* if the server stops, the job is shown as lost */
		await page.click("#start");
		await shows(page, "#percent", /^[1-9]\d? %$/);
		tell("again");
		await shows(page, "#job .state", /^waiting$/);
		await shows(page, "#job .said", /connection was lost/);
		assert.deepEqual(page.failures, []);
	},

	/* By keyboard alone; the count goes on after the last event id. */
	async reopen(browser) {
		const page = await open(browser);

		await shows(page, "#number", /^[2-9]/);
		tell("counting");
		await eventually(() => existsSync("seen"), "sse-counter is seen");
		await page.keyboard.press("Tab");
		assert.equal(await page.evaluate(() =>
			document.activeElement.textContent), "Close the counter");
		await page.keyboard.press("Enter");
		await shows(page, "#counter .state", /^closed$/);
		const n = await number(page);
		tell("closed");
		await eventually(() => existsSync("counter-gone"), "sse-counter ends");
		assert.equal(await number(page), n);
		await page.keyboard.press("Enter");
		await shows(page, "#counter .state", /^open$/);
		await eventually(async () => await number(page) > n, "it goes on");
		assert.ok(page.said.includes(`New message: ${n + 1}`), "no gap");
		assert.equal(await page.textContent("#reconnections"), "0");
		assert.deepEqual(page.failures, []);
	},

	/* page.bats sends three events, and no more until the page asks again. */
	async silence(browser) {
		const page = await open(browser, {}, page => page.clock.install());

		await shows(page, "#number", /^3$/);
		await page.clock.fastForward(20000);
		assert.equal(await page.textContent("#counter .said"), "");
		await page.clock.fastForward(6000);
		await shows(page, "#number", /^[4-9]/);
		await shows(page, "#reconnections", /^1$/);
		assert.ok(page.said.includes("New message: 4"), "no gap");
		assert.deepEqual(page.failures, []);
	},

	/*
	 * Three tabs that are seen and five that are hidden, over six connections:
	 * one log and one vmstat for all of them, a counter for each that is seen.
	 */
	async tabs(browser) {
		const context = await browser.newContext();
		const tabs = [];

		for (let i = 0; i < 8; i++) {
			const page = await context.newPage();
			page.setDefaultTimeout(DEADLINE);
			if (i >= 3)
				await page.addInitScript(() => Object.defineProperty(document,
					"hidden", {value: true}));
			await page.goto(url);
			await shows(page, "#counter .state", i < 3 ? /open/ : /hidden/);
			await shows(page, "#now-us", /^\d+ %$/);
			tabs.push(page);
		}
		await tabs[0].click("#request");
		for (const page of tabs)
			await shows(page, "#lines", /200  HEAD .\?request=\d+ HTTP/);
		await tabs[0].close();
		await tabs[1].evaluate(() =>
			document.querySelector("#lines").replaceChildren());
		await tabs[1].click("#request");
		await shows(tabs[1], "#lines", /200  HEAD .\?request=\d+ HTTP/);
	},

	/* page.bats replays seventy samples in one go, then one a second. */
	async chart(browser) {
		const page = await open(browser);

		await shows(page, "#now-us", /^70 %$/);
		await eventually(async () => (await page.getAttribute("#cpu-us", "d"))
			.split("L").length === 120, "sixty samples are drawn");
		assert.equal(await page.textContent("#now-free"), "2.0 GiB");
		assert.match(await page.getAttribute("#cpu", "aria-label"),
			/programs 70 %, kernel 10 %/);
		tell("replayed");
		await shows(page, "#now-us", /^5 %$/);
		assert.deepEqual(page.failures, []);
	},

	/* A request's line comes into the panel by itself. */
	async log(browser) {
		const page = await open(browser);

		await shows(page, "#log .state", /^open$/);
		await page.click("#request");
		await shows(page, "#lines", /200  HEAD .\?request=\d+ HTTP/);
		assert.equal(await page.textContent("#log .said"), "");
		assert.deepEqual(page.failures, []);
	},

	/*
	 * All pages, narrow and wide, light and dark, with a policy that allows
	 * nothing but this site: nothing is wider than the window, axe finds no
	 * fault, and a picture of each is in the current directory.
	 */
	async looks(browser) {
		const axe = readFileSync(new URL(
			"../node_modules/axe-core/axe.min.js", import.meta.url), "utf8");
		const ready = {
			"": async page => {
				await shows(page, "#number", /^\d/);
				await page.click("#start");
				await shows(page, "#percent", /^[1-9]/);
				await shows(page, "#now-us", /^\d+ %$/);
			},
			"log.html?src=/cgi-bin/colours": page =>
				shows(page, "#lines", /last line/),
			"job.html": async page => {
				await page.click("#start");
				await shows(page, "#job .state", /^finished$/);
			},
			"chat.html": async page => {
				await shows(page, "#chat .state", /^open$/);
				await page.fill("#text", "hello");
				await page.click("#say button"); // nobody may publish here
				await shows(page, "#chat .said", /refused it: 403/);
			},
			"doctor.html?url=/cgi-bin/nothing": page =>
				shows(page, "#verdict", /Nothing was examined/),
		};

		for (const [path, colorScheme, width, forcedColors] of
			Object.keys(ready).flatMap(path => [
				[path, "light", 320], [path, "dark", 360], [path, "dark", 700],
				[path, "light", 1200], [path, "dark", 1200, "active"]])) {
			const page = await open(browser, {colorScheme, forcedColors,
				viewport: {width, height: 740}}, () => {}, path);
			const name = `${path.split(".")[0] || "index"}-${width}-` +
				(forcedColors ? "forced" : colorScheme);

			await ready[path](page);
			await page.screenshot({path: name + ".png", fullPage: true});
			assert.ok(await page.evaluate(() =>
				document.documentElement.scrollWidth <= innerWidth),
			`${name}: nothing is wider than ${width} pixels`);
			if (!forcedColors)
				assert.deepEqual(await page.evaluate(faint), [], name);
			await page.evaluate(axe);
			const {violations} = await page.evaluate(enabled => axe.run({
				rules: {"color-contrast": {enabled}}}), !forcedColors);
			assert.deepEqual(violations.map(({id, nodes}) =>
				[id, ...nodes.map(node => node.html)]), [], name);
			assert.deepEqual([...page.hosts], [new URL(url).host]);
			assert.deepEqual(page.failures, []);
			await page.close();
		}
	},

	/* Error messages do not move the layout. */
	async still(browser) {
		const page = await open(browser);
		const places = () => page.evaluate(() => [...document.querySelectorAll(
			"#number, #cpu, #progress, #lines, button")].map(node =>
			node.getBoundingClientRect().top));

		await shows(page, "#now-us", /^\d+ %$/);
		const before = await places();
		tell("counting");
		for (const panel of ["counter", "load", "log"])
			await shows(page, `#${panel} .said`, /lost/);
		assert.deepEqual(await places(), before);
	},

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

		/* sources */
		await page.click("#sources >> text=web");
		await count(/^4 of 7 lines/);
		await page.click("#sources >> text=web");
		await count(/^7 of 7 lines/);

		/* search: text, /expression/, and only what matches */
		await page.focus("#lines");
		await page.keyboard.press("/");
		await page.keyboard.type("NEEDLE 1");
		await count(/0 match/);
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
		await page.fill("#sought", "");
		await page.uncheck("#only");

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
		const atEnd = () => page.$eval("#lines", node =>
			node.scrollHeight - node.scrollTop - node.clientHeight < 30);
		await eventually(atEnd, "it follows");
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
			"data:text/event-stream,data:x%0a%0a", "javascript:alert(1)"]) {
			const page = await open(browser, {}, () => {},
				"log.html?src=" + encodeURIComponent(src));
			await shows(page, "#said", /is no stream of this site/);
			await shows(page, "#state", /closed/);
			assert.deepEqual([...page.hosts], [new URL(url).host]);
			assert.deepEqual(page.failures, []);
			await page.close();
		}
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

	/* A site where all but the counter is broken, each in another way. */
	async words(browser) {
		const page = await open(browser);

		await shows(page, "#log .said", /does not start \(500\).*error log/);
		await shows(page, "#load .said", /does not start \(500\).*error log/);
		await page.click("#start");
		await shows(page, "#job .said", /text.plain, not an event stream/);
		assert.equal(await page.textContent("#job .state"), "closed");
		tell("closed");
		await eventually(() => existsSync("down"), "the server is down");
		await shows(page, "#load .said", /server does not answer|lost/);
		assert.deepEqual(page.failures, []);
	},
};

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
