import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { it } from "node:test";
import { elfNeeds } from "./elf-needs.ts";

it("knows the machine of a program, and none that there is no image for", async () => {
  const program = await readFile(process.execPath);
  for (const [machine, architecture] of [
    [62, "x64"],
    [183, "arm64"],
    [243, undefined],
  ] as const) {
    program.writeUInt16LE(machine, 18);
    assert.equal(elfNeeds(program)?.architecture, architecture);
  }
});

it("names the loader and the libraries that a program needs", async () => {
  const program = await readFile(process.execPath);
  const { architecture, libraries = [], loader = "" } = elfNeeds(program) ?? {};
  assert.equal(architecture, process.arch);
  assert.match(loader, /^\/lib(?:64)?\/ld-linux-[\w-]+\.so\.\d$/u);
  assert.ok(libraries.includes("libc.so.6") && libraries.includes("libstdc++.so.6"), libraries.join(" "));
});

it("reads no needs from a script, a text and a truncated program", async () => {
  const program = await readFile(process.execPath);
  for (const bytes of [Buffer.from("#!/bin/sh\n"), Buffer.alloc(0), program.subarray(0, 40)])
    assert.equal(elfNeeds(bytes), undefined);
});
