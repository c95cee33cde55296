// Encodes random records and chunks with sse-pipe and decodes them with a
// client's parser: what comes out must be what went in, byte for byte.
// Arguments: the program, how many records a mode, a seed to repeat a run (or
// ''), how many outputs in chunks a mode.
import { spawn } from 'node:child_process';
import { createParser } from 'eventsource-parser';
import { outputs, seen } from './outputs.mjs';

const [program, count = '3000', given, runs = '30'] = process.argv.slice(2);
const seed = given || String(Date.now() % 2 ** 31);

const { random, pick, bytes } = outputs(seed);
const length = () => random(100) ? random(60) : random(20) ? random(5000)
	: random(200000);

const NUL = 0, TAB = 9, LF = 10, CR = 13;
const LINE_ENDS = ['\n', '\r', '\r\n'].map((text) => Buffer.from(text));

// A line end after which the next bytes, if any, are no part of it.
function lineEnd(next) {
	const end = pick(LINE_ENDS);
	return end[end.length - 1] === CR && next[0] === LF
		? Buffer.from('\r\n') : end;
}

const text = (buffer) => seen(buffer).replace(/\r\n|\r/g, '\n');
const field = (buffer) => buffer.length === 0 || buffer.includes(NUL)
	? undefined : text(buffer);

// Each mode: its options, and how it makes input and the events expected.
const modes = {
	lines: { options: [], ends: true, make() {
		const data = bytes(length(), [LF, CR]);
		return { parts: [data], line: true, event: { data: text(data) } };
	} },
	nul: { options: ['-0'], ends: true, make() {
		const data = bytes(length(), [NUL]);
		return { parts: [data, Buffer.from([NUL])],
			event: { data: text(data) } };
	} },
	paragraphs: { options: ['-p'], ends: true, make() {
		const lines = Array.from({ length: 1 + random(4) },
			() => bytes(1 + random(60), [LF, CR]))
			.filter((line) => line.length > 0);
		if (lines.length === 0)
			lines.push(Buffer.from('x'));
		const parts = lines.flatMap((line) => [line, lineEnd([])]);
		for (let blank = random(3); blank >= 0; blank--)
			parts.push(Buffer.from('\r\n'));
		return { parts, event: { data: lines.map(text).join('\n') } };
	} },
	columns: { options: ['-c', 'id,event,data'], ends: false, make() {
		const id = bytes(random(30), [LF, CR, TAB]);
		const type = bytes(random(30), [LF, CR, TAB]);
		const data = bytes(length(), [LF, CR]);
		const tab = Buffer.from('\t');
		return { parts: [id, tab, type, tab, data], line: true, event:
			{ id: field(id), event: field(type), data: text(data) } };
	} },
};

function input(mode) {
	const records = Array.from({ length: Number(count) }, mode.make);
	const parts = records.flatMap((record, i) => {
		const next = Buffer.concat(records[i + 1]?.parts ?? []);
		// an empty record that ends with LF would complete a CR before it
		const after = next.length > 0 ? next : Buffer.from('\n');
		return record.line ? [...record.parts, lineEnd(after)]
			: record.parts;
	});
	return { parts, events: records.map((record) => record.event) };
}

async function decode(options, parts) {
	const child = spawn(program, options,
		{ stdio: ['pipe', 'pipe', 'pipe'] });
	const events = [];
	const parser = createParser({ onEvent: (event) => events.push(event) });
	const stream = new TextDecoder();
	let header = Buffer.alloc(0), inHeader = true;

	child.stdout.on('data', (chunk) => {
		if (inHeader) {
			header = Buffer.concat([header, chunk]);
			const end = header.indexOf('\r\n\r\n');
			if (end === -1)
				return;
			inHeader = false;
			chunk = header.subarray(end + 4);
		}
		parser.feed(stream.decode(chunk, { stream: true }));
	});
	const ended = new Promise((resolve) => child.on('close', resolve));
	child.stderr.resume();
	for (const part of chunks(Buffer.concat(parts)))
		if (!child.stdin.write(part))
			await new Promise((resolve) =>
				child.stdin.once('drain', resolve));
	child.stdin.end();
	const status = await ended;
	if (status !== 0)
		throw new Error(`${program} ended with ${status}`);
	return events;
}

function* chunks(whole) {
	for (let at = 0; at < whole.length;) {
		const n = 1 + random(pick([10, 1000, 100000]));
		yield whole.subarray(at, at + n);
		at += n;
	}
}

// Chunks: the data of all events, joined, is the output; with --json whatever
// it holds, without it where it has no CR.
async function checkChunks(name, options, join, without) {
	for (let run = 0; run < Number(runs); run++) {
		const whole = bytes(length(), without);
		const events = await decode([...options, ...pick(
			[[], ['-b', String(4 + random(50))], ['-e', 'e']])], [whole]);
		const end = events.pop();
		const joined = events.map((event) => join(event.data)).join('');
		if (end?.id === 'end' && joined === seen(whole))
			continue;
		console.error(`seed ${seed}, ${name}, run ${run}: ` +
			JSON.stringify([seen(whole), joined])
				.slice(0, 2000));
		process.exit(1);
	}
	console.log(`${name}: ${runs} outputs as sent`);
}

const same = (a, b) => a.data === b.data && a.id === b.id &&
	a.event === b.event;

for (const [name, mode] of Object.entries(modes)) {
	const { parts, events: expected } = input(mode);
	if (mode.ends)
		expected.push({ id: 'end', event: 'end', data: '0' });
	const events = await decode(mode.options, parts);
	const wrong = expected.findIndex((event, i) =>
		events[i] === undefined || !same(event, events[i]));
	if (wrong !== -1 || events.length !== expected.length) {
		console.error(`seed ${seed}, ${name}: ${events.length} events for ` +
			`${expected.length}; the first that differs is ${wrong}`);
		console.error(JSON.stringify([expected[wrong], events[wrong]])
			.slice(0, 2000));
		process.exit(1);
	}
	console.log(`${name}: ${events.length} events as sent`);
}

await checkChunks('chunks', ['-C'], (data) => data, [CR]);
await checkChunks('json chunks', ['-C', '-j'], JSON.parse, []);
