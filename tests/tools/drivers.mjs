/*
 * drivers: the three browsers, each with the same few verbs. Chromium is
 * driven by playwright-core, Firefox by WebDriver BiDi, WebKit (WebKitGTK's
 * MiniBrowser, on its own Xvfb) by WebDriver. All accept unknown certificates.
 *
 *	const browser = await drivers[name](folder);   // an empty folder
 *	await browser.open(url);
 *	const value = await browser.evaluate("document.title");  // or a promise
 *	await browser.close();
 *
 * browser.stranger is a name of somebody else's that leads to 127.0.0.1.
 */
import { spawn } from "node:child_process";
import { mkdirSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { chromium } from "playwright-core";
import WebSocket from "ws";

const START_MS = 60000; // on a busy machine

/*
 * Starts a program in a process group of its own; output goes to stderr. The
 * browser's own settings stay in folder.
 */
function start(command, args, folder, env = {}) {
	const child = spawn(command, args, {
		detached: true,
		stdio: ["ignore", "pipe", "pipe"],
		env: {...process.env, HOME: folder, TMPDIR: folder,
			XDG_RUNTIME_DIR: folder, XDG_CONFIG_HOME: folder,
			XDG_CACHE_HOME: folder, XDG_DATA_HOME: folder, ...env},
	});

	child.said = "";
	for (const stream of [child.stdout, child.stderr])
		stream.on("data", data => child.said += data);
	child.on("error", error => child.said += error);
	child.over = new Promise(done => child.on("close", done));
	return child;
}

/* Ends the whole group. */
async function stop(child) {
	for (const signal of ["SIGTERM", "SIGKILL"]) {
		try {
			process.kill(-child.pid, signal);
		} catch {
			return;
		}
		await Promise.race([child.over, later(2000)]);
	}
}

const later = ms => new Promise(done => setTimeout(done, ms));

/* Retries until attempt() does not throw, and returns a value. */
async function retry(attempt, what, child) {
	const end = Date.now() + START_MS;
	let failure = "";

	while (Date.now() < end) {
		try {
			const value = await attempt();
			if (value !== undefined)
				return value;
		} catch (error) {
			failure = error;
		}
		await later(100);
	}
	throw new Error(`${what} in time: ${failure} ${child.said}`);
}

const free_port = () => new Promise(done => {
	const server = createServer().listen(0, "127.0.0.1", () => {
		const {port} = server.address();
		server.close(() => done(port));
	});
});

async function drive_chromium(folder) {
	const browser = await chromium.launch({
		// stranger.example is a name that a stranger has lead to this machine
		executablePath: process.env.CHROMIUM || "/usr/bin/chromium",
		args: ["--no-sandbox", "--disable-dev-shm-usage", "--disable-gpu",
			"--ignore-certificate-errors",
			"--host-resolver-rules=MAP stranger.example 127.0.0.1"],
		env: {...process.env, HOME: folder, TMPDIR: folder},
		timeout: START_MS,
	});
	const context = await browser.newContext({ignoreHTTPSErrors: true});
	const page = await context.newPage();

	return {
		version: "Chromium " + browser.version(),
		stranger: "stranger.example",
		open: url => page.goto(url),
		evaluate: code => page.evaluate(code),
		async tab() {
			const tab = await context.newPage();
			const session = await context.newCDPSession(tab);

			return {open: url => tab.goto(url),
				evaluate: code => tab.evaluate(code),
				async crash() {
					const crashed = tab.waitForEvent("crash");
					session.send("Page.crash").catch(() => {}); // for ever
					await crashed;
				}};
		},
		close: () => browser.close(),
	};
}

async function drive_firefox(folder) {
	const profile = folder + "/profile";
	mkdirSync(profile);
	writeFileSync(profile + "/user.js", [
		["app.update.disabledForTesting", true],
		["browser.shell.checkDefaultBrowser", false],
		["datareporting.policy.dataSubmissionEnabled", false],
		["toolkit.telemetry.reportingpolicy.firstRun", false],
		["network.captive-portal-service.enabled", false],
		["network.connectivity-service.enabled", false],
		["network.dns.localDomains", "stranger.example"],
		["browser.safebrowsing.downloads.enabled", false],
	].map(([name, value]) =>
		`user_pref("${name}", ${JSON.stringify(value)});\n`).join(""));
	const child = start("firefox-esr", ["--headless", "--no-remote",
		"--remote-debugging-port=0", "--profile", profile], folder,
	{MOZ_CRASHREPORTER_DISABLE: "1"});
	const url = await retry(() =>
		/WebDriver BiDi listening on (ws:\S+)/.exec(child.said)?.[1],
	"Firefox is ready", child);
	const socket = new WebSocket(url + "/session");
	const asked = new Map();
	let number = 0;

	socket.on("message", text => {
		const answer = JSON.parse(text);
		asked.get(answer.id)?.(answer);
		asked.delete(answer.id);
	});
	await new Promise((done, failed) =>
		socket.on("open", done).on("error", failed));
	const ask = async (method, params) => {
		const answer = await new Promise(done => {
			asked.set(++number, done);
			socket.send(JSON.stringify({id: number, method, params}));
		});
		if (answer.type === "error")
			throw new Error(`${method}: ${answer.error}: ${answer.message}`);
		return answer.result;
	};
	const {capabilities} = await ask("session.new",
		{capabilities: {alwaysMatch: {acceptInsecureCerts: true}}});
	const {contexts: [{context}]} = await ask("browsingContext.getTree", {});

	return {
		version: "Firefox " + capabilities.browserVersion,
		stranger: "stranger.example",
		open: url => ask("browsingContext.navigate",
			{context, url, wait: "complete"}),
		async evaluate(code) {
			const {result, exceptionDetails} = await ask("script.evaluate", {
				expression: `Promise.resolve(${code}).then(value => ` +
					"JSON.stringify({value}))",
				target: {context},
				awaitPromise: true,
			});
			if (exceptionDetails)
				throw new Error(exceptionDetails.text);
			return JSON.parse(result.value).value;
		},
		async close() {
			socket.terminate();
			await stop(child);
		},
	};
}

async function drive_webkit(folder) {
	const screen = start("Xvfb", ["-displayfd", "1", "-nolisten", "tcp",
		"-screen", "0", "1200x900x24"], folder);
	const display = await retry(() => /^(\d+)\n/m.exec(screen.said)?.[1],
		"Xvfb is ready", screen);
	const port = await free_port();
	const child = start("WebKitWebDriver", ["--host=127.0.0.1",
		"--port=" + port], folder, {
		DISPLAY: ":" + display, GDK_BACKEND: "x11", NO_AT_BRIDGE: "1",
		LIBGL_ALWAYS_SOFTWARE: "1", WEBKIT_DISABLE_DMABUF_RENDERER: "1",
		DBUS_SESSION_BUS_ADDRESS: "disabled:", GSETTINGS_BACKEND: "memory",
	});
	const ask = async (method, path, body) => {
		const answer = await fetch(`http://127.0.0.1:${port}${path}`,
			{method, body: body && JSON.stringify(body)});
		const {value} = await answer.json();
		if (!answer.ok)
			throw new Error(`${path}: ${value.error}: ${value.message}`);
		return value;
	};
	await retry(() => ask("GET", "/status"), "WebKitWebDriver is ready",
		child);
	const {sessionId, capabilities} = await ask("POST", "/session",
		{capabilities: {alwaysMatch: {acceptInsecureCerts: true,
			timeouts: {script: 120000, pageLoad: 120000}}}});
	const session = "/session/" + sessionId;

	return {
		version: "WebKitGTK " + capabilities.browserVersion,
		stranger: "stranger.localhost",
		open: url => ask("POST", session + "/url", {url}),
		async evaluate(code) {
			const answer = JSON.parse(await ask("POST",
				session + "/execute/async", {args: [], script:
				"const done = arguments[0]; Promise.resolve().then(() => " +
				`(${code})).then(value => done(JSON.stringify({value})), ` +
				"error => done(JSON.stringify({error: String(error)})));"}));
			if (answer.error !== undefined)
				throw new Error(answer.error);
			return answer.value;
		},
		async close() {
			await ask("DELETE", session).catch(() => {});
			await stop(child);
			await stop(screen);
		},
	};
}

export const drivers = {
	chromium: drive_chromium,
	firefox: drive_firefox,
	webkit: drive_webkit,
};
