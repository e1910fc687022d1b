import assert from "node:assert/strict";
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { it } from "node:test";
import type { Lab } from "../lab.ts";
import { openNodeShells } from "./open-node-shells.ts";

// A unit that is left running would refuse the next start; a program that is left stopped, every later test.
it("leaves no server, mount or stopped program on a node when it is aborted", async (t) => {
  const folder = await mkdtemp(join(tmpdir(), "node-shells-"));
  t.after(() => rm(folder, { recursive: true }));
  await mkdir(join(folder, "pki"));
  const server = join(folder, "node-sshd");
  await writeFile(server, "");
  const aborted = new AbortController();
  const done: string[] = [];
  const lab = {
    home: { path: (...parts: readonly string[]) => join(folder, ...parts) },
    nodes: [
      {
        name: "node-a",
        address: "127.0.0.1",
        rootFolder: join(folder, "root"),
        inside: async (command: readonly string[]) => command,
        exec: async (command: readonly string[]) => {
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
  await assert.rejects(openNodeShells(lab, { server, programs: [] }, aborted.signal), /the test is over/);
  assert.deepEqual(done, [
    "mount --bind /opt/shell /usr/local/bin",
    "start node-a/sshd",
    "stop node-a/sshd",
    "rm -rf /run/stopped",
    "umount /usr/local/bin",
  ]);
});
