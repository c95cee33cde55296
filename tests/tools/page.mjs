/*
 * page.mjs SCENARIO URL: the pages of www/ but log.html: see pages.mjs, and
 * log.mjs.
 */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { DEADLINE, open, play, shows, tell, told, until, url } from "./pages.mjs";

const number = page => page.textContent("#number").then(Number);

/* Text whose contrast to what is behind it is below 4.5, with its ratio. */
function faint() {
	const luminance = color => color.map(c => c / 255)
		.map(c => c <= .04045 ? c / 12.92 : ((c + .055) / 1.055) ** 2.4)
		.reduce((sum, c, i) => sum + c * [.2126, .7152, .0722][i], 0);
	const paper = new OffscreenCanvas(1, 1).getContext("2d",
		{willReadFrequently: true});
	const parse = css => { // whatever way the colour is written
		paper.clearRect(0, 0, 1, 1);
		paper.fillStyle = css;
		paper.fillRect(0, 0, 1, 1);
		return [...paper.getImageData(0, 0, 1, 1).data];
	};
	const behind = node => {
		for (; node; node = node.parentElement) {
			const color = parse(getComputedStyle(node).backgroundColor);
			if (color[3] === 255)
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

const scenarios = {
	/* The counter rises, in the console too, with its id. */
	async counter(browser) {
		const page = await open(browser);

		await shows(page, "#number", /^[3-9]/);
		await shows(page, "#counter .state", /^open$/);
		const n = await number(page);
		await until(async () => await number(page) > n, "it counts on");
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
		await until(async () => await number(page) > n, "it goes on");
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

		/* who stops looking, and looks again, has not stopped the job */
		for (const again of [() => page.click("#start"), () => page.reload()]) {
			await page.click("#start");
			await shows(page, "#job .state", /^closed$/);
			assert.equal(await page.textContent("#job .said"),
				"You stopped looking. The job runs on.");
			await again();
			await shows(page, "#job .state", /^running$/);
			await shows(page, "#output", /line 9/);
			assert.ok(await begins(), "from the first line");
		}
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
		await told("seen");
		await page.click("#start");
		await shows(page, "#job .state", /^closed$/);
		await shows(page, "#job .said", /You stopped it. The job has ended/);
		tell("stopped");
		await told("gone");

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
		await told("seen");
		await page.keyboard.press("Tab");
		assert.equal(await page.evaluate(() =>
			document.activeElement.textContent), "Close the counter");
		await page.keyboard.press("Enter");
		await shows(page, "#counter .state", /^closed$/);
		const n = await number(page);
		tell("closed");
		await told("counter-gone");
		assert.equal(await number(page), n);
		await page.keyboard.press("Enter");
		await shows(page, "#counter .state", /^open$/);
		await until(async () => await number(page) > n, "it goes on");
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

	/* What comes while nothing is drawn, in a hidden tab, stays bounded. */
	async hidden(browser) {
		const page = await open(browser, {}, page => page.addInitScript(() =>
			window.requestAnimationFrame = draw => window.draw = draw), "chat.html");

		assert.equal(await page.evaluate(async () => {
			const {Lines} = await import("/page.js");
			const lines = new Lines("said", 500);

			for (let i = 0; i < 10000; i++)
				lines.add("line " + i);
			return lines.came.length;
		}), 500);
		await page.evaluate(() => window.draw());
		assert.deepEqual(await page.$$eval("#said div", all => [all.length,
			all[0].textContent, all.at(-1).textContent]),
		[500, "line 9500", "line 9999"]);
	},

	/* page.bats replays seventy samples in one go, then one a second. */
	async chart(browser) {
		const page = await open(browser);

		await shows(page, "#now-us", /^70 %$/);
		await until(async () => (await page.getAttribute("#cpu-us", "d"))
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

	/* A site where all but the counter is broken, each in another way. */
	async words(browser) {
		const page = await open(browser);

		await shows(page, "#log .said", /does not start \(500\).*error log/);
		await shows(page, "#load .said", /does not start \(500\).*error log/);
		await page.click("#start");
		await shows(page, "#job .said", /text.plain, not an event stream/);
		assert.equal(await page.textContent("#job .state"), "closed");
		tell("closed");
		await told("down");
		await shows(page, "#load .said", /server does not answer|lost/);
		assert.deepEqual(page.failures, []);
	},
};

await play(scenarios);
