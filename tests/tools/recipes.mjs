/*
 * recipes.mjs CLIENT URL [CALLS]: what the client libraries of npm make of
 * cgi-bin/examples, for examples.bats: see there for the programs behind.
 */
import assert from "node:assert/strict";
import { readFileSync, rmSync, writeFileSync } from "node:fs";
import { setTimeout as later } from "node:timers/promises";

const [client, url, calls = "90"] = process.argv.slice(2);

/* What model.sh says. */
const SAYS = 'You said: hi. naïve 🎉\n"quoted"\tand\rso\u2028event: end';

/* The page's function as docs/recipes.md has it. */
async function llm() {
	const recipes = readFileSync(
		new URL("../../docs/recipes.md", import.meta.url), "utf8");
	const [code] = /^ {4}async function ask[^]*?^ {4}}$/m.exec(recipes);
	const {readEvents} = await import("data:text/javascript," +
		encodeURIComponent(readFileSync(
			new URL("../../www/sse.js", import.meta.url), "utf8")));
	const ask = new Function("fetch", "readEvents", code + "; return ask")(
		(path, options) => fetch(new URL(path, url), options), readEvents);
	const words = [];

	assert.equal(await ask("hi", word => words.push(word)), 0);
	assert.ok(words.length > 3, words.length);
	assert.equal(words.join(""), SAYS);
	assert.equal(await ask("fail", assert.fail), 3);
}

async function openai() {
	const {default: OpenAI} = await import("openai");
	const ai = new OpenAI({baseURL: url + "v1", apiKey: "none", maxRetries: 0});
	const request = {model: "local", stream: true,
		messages: [{role: "user", content: "hi"}]};
	const pieces = [];

	for await (const chunk of await ai.chat.completions.create(request))
		pieces.push(chunk.choices[0]);
	assert.equal(pieces.pop().finish_reason, "stop");
	assert.ok(pieces.length > 3, pieces.length);
	assert.equal(pieces.map(({delta}) => delta.content).join(""), SAYS);
	/* the library's own way to join them */
	const {stream, ...rest} = request;
	const answer = await ai.chat.completions.stream(rest).finalContent();
	assert.equal(answer, SAYS);
	/* a model that fails */
	await assert.rejects(async () => {
		const failing = await ai.chat.completions.create({...request,
			messages: [{role: "user", content: "fail"}]});
		for await (const _ of failing);
	}, /the model failed: 3/);
}

const MCP = {
	client: async options => {
		const {Client, StreamableHTTPClientTransport} =
			await import("@modelcontextprotocol/client");
		return [new Client({name: "test", version: "1"}, options),
			StreamableHTTPClientTransport];
	},
	sdk: async () => {
		const {Client} =
			await import("@modelcontextprotocol/sdk/client/index.js");
		const {StreamableHTTPClientTransport} = await import(
			"@modelcontextprotocol/sdk/client/streamableHttp.js");
		return [new Client({name: "test", version: "1"}),
			StreamableHTTPClientTransport];
	},
};

async function connect(library, options) {
	const [mcp, Transport] = await MCP[library](options);

	/* MCP_URL: another gateway */
	await mcp.connect(new Transport(
		new URL(process.env.MCP_URL ?? url + "cgi-bin/examples/mcp")));
	return mcp;
}

/* The tool of mcp-server.py. It takes a schema only in the older library. */
const call = (library, mcp, args, options) => library === "sdk" ?
	mcp.callTool({name: "count", arguments: args}, undefined, options) :
	mcp.callTool({name: "count", arguments: args}, options);

async function tools(library, options) {
	const mcp = await connect(library, options);
	const {tools} = await mcp.listTools();
	const progress = [], wait = process.cwd() + "/seen";

	rmSync(wait, {force: true});
	assert.deepEqual(tools.map(({name}) => name), ["count"]);
	/* it comes as it is made: the tool waits until three have come */
	const {content} = await call(library, mcp, {to: 4, wait}, {onprogress(made) {
		if (progress.push(made.progress) === 3)
			writeFileSync(wait, "");
	}});
	assert.equal(content[0].text, "counted to 4, naïve 🎉");
	assert.deepEqual(progress, [1, 2, 3, 4]);
	await mcp.close();
}

/* A third of the calls is cut off at random; says how the others were. */
async function load() {
	const mcp = await connect("client",
		{versionNegotiation: {mode: process.env.MCP_MODE ?? "auto"}});
	const took = [];
	let left = Number(calls), cut = 0;

	async function work() {
		while (left-- > 0) {
			const over = new AbortController();
			const begun = performance.now();
			const cuts = left % 3 === 0;
			if (cuts)
				later(Math.random() * 600).then(() => over.abort());
			try {
				await call("client", mcp, {to: 5, pause: 0.1},
					{signal: over.signal, timeout: 60000});
				took.push(performance.now() - begun);
			} catch (error) {
				if (!cuts)
					throw error;
				cut++;
			}
		}
	}
	await Promise.all(Array.from({length: 8}, work));
	await mcp.close();
	took.sort((a, b) => a - b);
	console.log(`answered ${took.length} cut ${cut}`,
		`median ${took[took.length >> 1].toFixed(0)} ms`,
		`99 % ${took[Math.floor(took.length * .99)].toFixed(0)} ms`);
}

await {
	llm,
	openai,
	mcp: async () => {
		await tools("client", {versionNegotiation: {mode: "auto"}});
		await tools("client", {versionNegotiation: {mode: {pin: "2026-07-28"}}});
		await tools("client", {});
		await tools("sdk");
	},
	load,
}[client]();
process.exit(0);
