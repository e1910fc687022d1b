import assert from "node:assert/strict";
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { it, type TestContext } from "node:test";
import type { Lab } from "../lab.ts";
import { openNodeShells } from "./open-node-shells.ts";

const SERVED = ["mount --bind /opt/shell /usr/local/bin", "start node-a/sshd", "stop node-a/sshd"];

/** What is done on the only node of a lab until the opening of its shells is aborted. */
async function doneUntilAborted(t: TestContext, losesPower: boolean): Promise<readonly string[]> {
  const folder = await mkdtemp(join(tmpdir(), "node-shells-"));
  t.after(() => rm(folder, { recursive: true }));
  await mkdir(join(folder, "pki"));
  const server = join(folder, "node-sshd");
  await writeFile(server, "");
  const aborted = new AbortController();
  const done: string[] = [];
  const processId = async (): Promise<number> => {
    if (losesPower && aborted.signal.aborted) throw new Error("node-a is off");
    return 1;
  };
  const lab = {
    home: { path: (...parts: readonly string[]) => join(folder, ...parts) },
    nodes: [
      {
        name: "node-a",
        address: "127.0.0.1",
        rootFolder: join(folder, "root"),
        processId,
        inside: async (command: readonly string[]) => command,
        exec: async (command: readonly string[]) => {
          await processId();
          done.push(command.join(" "));
          return "";
        },
      },
    ],
    units: {
      start: async ({ name }: { readonly name: string }) => {
        done.push(`start ${name}`);
        aborted.abort(new Error("the test is over"));
      },
      stop: async (name: string) => void done.push(`stop ${name}`),
      isRunning: async () => true,
    },
  } as unknown as Lab;
  await assert.rejects(openNodeShells(lab, { server, programs: [] }, aborted.signal), {
    message: "the test is over",
  });
  return done;
}

// A unit that is left running would refuse the next start; a program that is left stopped, every later test.
it("leaves no server, mount or stopped program on a node when it is aborted", async (t) => {
  const cleared = ["rm -rf /run/stopped", "umount /usr/local/bin"];
  assert.deepEqual(await doneUntilAborted(t, false), [...SERVED, ...cleared]);
});

it("has nothing to clear on a node that is off", async (t) => {
  assert.deepEqual(await doneUntilAborted(t, true), SERVED);
});
