import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { it } from "node:test";
import { elfNeeds } from "./elf-needs.ts";

it("names the loader and the libraries that a program needs", async () => {
  const { libraries = [], loader = "" } = elfNeeds(await readFile(process.execPath)) ?? {};
  assert.match(loader, /^\/lib(?:64)?\/ld-linux-[\w-]+\.so\.\d$/u);
  assert.ok(libraries.includes("libc.so.6") && libraries.includes("libstdc++.so.6"), libraries.join(" "));
});

it("reads no needs from a script, a text and a truncated program", async () => {
  const program = await readFile(process.execPath);
  for (const bytes of [Buffer.from("#!/bin/sh\n"), Buffer.alloc(0), program.subarray(0, 40)])
    assert.equal(elfNeeds(bytes), undefined);
});
