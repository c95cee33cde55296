/*
 * scene.mjs: how a program and the test that runs it beside it know how far the
 * other one is: by files in the current directory. See "told" of helper.bash.
 */
import assert from "node:assert/strict";
import { existsSync, writeFileSync } from "node:fs";
import { setTimeout as later } from "node:timers/promises";

const DEADLINE = 90000;

/* Waits until condition, which may be asynchronous, is true. */
export async function until(condition, what) {
	const end = Date.now() + DEADLINE;

	while (!await condition()) {
		assert.ok(Date.now() < end, `in time: ${what}`);
		await later(50);
	}
}

export const tell = what => writeFileSync(what, "");
export const told = what => until(() => existsSync(what), what);
