import assert from "node:assert/strict";
import { mkdir, mkdtemp, readdir, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { findCommand } from "../../scripts/child/find-command.ts";
import { runCommand } from "../../scripts/child/run-command.ts";
import { goPart } from "./go-part.ts";

const MAIN = 'package main\n\nvar version = "unknown"\n\nfunc main() { println("hello", version) }\n';
const PROGRAM = { name: "hello", package: "./hello", variables: { "main.version": "v1.2.3" } };
const NEEDS_GO = (await findCommand("go")) === undefined ? "needs Go" : false;

describe("a program of a Go module", { skip: NEEDS_GO }, () => {
  let folder: string;
  before(async () => {
    folder = await mkdtemp(join(tmpdir(), "go-part-"));
  });
  after(async () => rm(folder, { recursive: true }));
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
