import assert from "node:assert/strict";
import { glob, readFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, it } from "node:test";
import { fileURLToPath } from "node:url";

const ROOT = fileURLToPath(new URL("../..", import.meta.url));

async function paths(pattern: string, folder: string): Promise<readonly string[]> {
  const found: string[] = [];
  for await (const path of glob(pattern, { cwd: join(ROOT, folder) })) found.push(path);
  return found.toSorted();
}

async function textOf(path: string): Promise<string> {
  return readFile(join(ROOT, path), "utf8");
}

describe("the examples", () => {
  it("are each applied by a cluster test and listed in docs/lab.md", async () => {
    const examples = await paths("**/*.yaml", "examples");
    assert.ok(examples.length > 0);
    const tests = (
      await Promise.all(
        (await paths("{cluster,second-cluster}/**/*.ts", "test")).map((path) => textOf(join("test", path))),
      )
    ).join("\n");
    const page = await textOf("docs/lab.md");
    assert.deepEqual(
      examples.filter((path) => !tests.includes(`example("${path}")`)),
      [],
      "without a test",
    );
    assert.deepEqual(
      examples.filter((path) => !page.includes(`examples/${path}`)),
      [],
      "not in docs/lab.md",
    );
  });
});
