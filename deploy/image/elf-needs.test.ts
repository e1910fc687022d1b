import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { it } from "node:test";
import { elfNeeds } from "./elf-needs.ts";

it("names the loader and the libraries of a program, so that the image has what Node loads", async () => {
  const { libraries = [], loader = "" } = elfNeeds(await readFile(process.execPath)) ?? {};
  assert.match(loader, /^\/lib(?:64)?\/ld-linux-[\w-]+\.so\.\d$/u);
  assert.ok(libraries.includes("libc.so.6") && libraries.includes("libstdc++.so.6"), libraries.join(" "));
});

it("takes a script, a text and a truncated program for what they are", async () => {
  const program = await readFile(process.execPath);
  for (const bytes of [Buffer.from("#!/bin/sh\n"), Buffer.alloc(0), program.subarray(0, 40)])
    assert.equal(elfNeeds(bytes), undefined);
});
