import assert from "node:assert/strict";
import { mkdir, mkdtemp, readdir, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { delimiter, join } from "node:path";
import { after, before, describe, it } from "node:test";
import { findCommand } from "../../scripts/child/find-command.ts";
import { runCommand } from "../../scripts/child/run-command.ts";
import { goPart } from "./go-part.ts";

const MAIN = 'package main\n\nvar version = "unknown"\n\nfunc main() { println("hello", version) }\n';
const PROGRAM = { name: "hello", package: "./hello", variables: { "main.version": "v1.2.3" } };
/** In the place of Go. */
const GO_WHOSE_DOWNLOAD_FAILS_ONCE = `#!/bin/sh
test "$1" = build || exec echo go1
if test ! -e "$0.failed"; then : > "$0.failed"; echo 'read tcp 10.0.0.1:443: i/o timeout'; exit 1; fi
while test "$1" != -o; do shift; done
: > "$2"
`;
const NEEDS_GO = (await findCommand("go")) === undefined ? "needs Go" : false;

describe("a program of a Go module", { skip: NEEDS_GO }, () => {
  let folder: string;
  before(async () => {
    folder = await mkdtemp(join(tmpdir(), "go-part-"));
  });
  after(async () => rm(folder, { recursive: true, maxRetries: 20 }));
  const noStep = (): void => undefined;
  const unaborted = new AbortController().signal;

  async function aModule(main = MAIN): Promise<string> {
    const module = await mkdtemp(join(folder, "module-"));
    await mkdir(join(module, "hello"));
    await writeFile(join(module, "go.mod"), "module example.test/own\n\ngo 1.21\n");
    await writeFile(join(module, "hello/main.go"), main);
    return module;
  }

  it("is built with the given values and leaves nothing else in the folder", async () => {
    const part = await goPart({ name: "own", folder: await aModule(), programs: [PROGRAM] });
    const target = await mkdtemp(join(folder, "target-"));
    await part.build(target, noStep, unaborted);
    assert.deepEqual(await readdir(target), ["hello"]);
    assert.equal((await runCommand(join(target, "hello"), [], { cwd: target })).output, "hello v1.2.3\n");
  });

  // In another place it has the same key.
  it("has another key with other sources or other programs", async () => {
    const keys = async (folders: readonly string[]): Promise<readonly string[]> =>
      Promise.all(
        folders.map(
          async (module) => (await goPart({ name: "own", folder: module, programs: [PROGRAM] })).key,
        ),
      );
    const [first, again, changed] = await keys([
      await aModule(),
      await aModule(),
      await aModule(`${MAIN}\n// Changed.\n`),
    ]);
    assert.equal(first, again);
    assert.notEqual(first, changed);
    const untold = await goPart({
      name: "own",
      folder: await aModule(),
      programs: [{ name: "hello", package: "./hello" }],
    });
    assert.notEqual(first, untold.key);
  });

  it("shows the compiler's output when it can't be built", async () => {
    const module = await aModule("package main\n\nfunc main() { missing() }\n");
    const part = await goPart({ name: "own", folder: module, programs: [PROGRAM] });
    const target = await mkdtemp(join(folder, "target-"));
    await assert.rejects(
      part.build(target, noStep, unaborted),
      /go build \.\/hello failed in .*\n.*\n?.*undefined: missing/u,
    );
  });

  it("is built again after a download that failed", async () => {
    const bin = await mkdtemp(join(folder, "bin-"));
    const go = join(bin, "go");
    await writeFile(go, GO_WHOSE_DOWNLOAD_FAILS_ONCE, { mode: 0o755 });
    const searchPath = process.env["PATH"];
    process.env["PATH"] = `${bin}${delimiter}${searchPath ?? ""}`;
    const target = await mkdtemp(join(folder, "target-"));
    try {
      const part = await goPart({ name: "own", folder: await aModule(), programs: [PROGRAM] });
      await part.build(target, noStep, unaborted);
    } finally {
      process.env["PATH"] = searchPath;
    }
    assert.deepEqual([await readdir(target), await readdir(bin)], [["hello"], ["go", "go.failed"]]);
  });

  it("stops when it is interrupted, with the interruption's reason", async () => {
    const interruption = new AbortController();
    const part = await goPart({ name: "own", folder: await aModule(), programs: [PROGRAM] });
    const target = await mkdtemp(join(folder, "target-"));
    const building = part.build(
      target,
      () => interruption.abort(new Error("stopped by the user")),
      interruption.signal,
    );
    await assert.rejects(building, { message: "stopped by the user" });
  });
});
