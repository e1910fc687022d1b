import assert from "node:assert/strict";
import { chmod, mkdtemp, readFile, realpath, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { fileURLToPath } from "node:url";
import { findCommand } from "../../scripts/child/find-command.ts";
import { type CommandOutcome, runCommand } from "../../scripts/child/run-command.ts";
import { reasonAgainstLab } from "./refuse-incapable-machine.ts";

const MAIN = fileURLToPath(new URL("main.ts", import.meta.url));
const CLONE = fileURLToPath(new URL("../..", import.meta.url));
/** No lab of this name is ever started. */
const LAB = [process.execPath, MAIN, "--name=none-of-it", "--no-driver"];

describe(
  "npm run lab on a machine that lacks a requirement",
  { skip: (await reasonAgainstLab()) ?? false },
  () => {
    let folder: string;
    before(async () => {
      folder = await mkdtemp(join(tmpdir(), "incapable-machine-"));
    });
    after(async () => rm(folder, { recursive: true }));

    /** Runs it in its own mount namespace, where each of these files is replaced. */
    async function labWhere(replaced: Readonly<Record<string, string>>): Promise<CommandOutcome> {
      const mounts = Object.entries(replaced).map(([path, by]) => `mount --bind ${by} ${path}`);
      return runCommand(
        "unshare",
        [
          "--mount",
          "--propagation",
          "private",
          "sh",
          "-euc",
          [...mounts, 'exec "$@"'].join("\n"),
          "sh",
          ...LAB,
        ],
        { cwd: CLONE },
      );
    }

    /** The path of a command, links resolved. */
    async function pathOf(command: string): Promise<string> {
      return realpath((await findCommand(command)) ?? "");
    }

    it("reports that it needs root, and changes nothing", async () => {
      // In a user namespace without a mapping, the process has the overflow user id.
      const { code, output } = await runCommand("unshare", ["--user", ...LAB], { cwd: CLONE });
      assert.equal(code, 1, output);
      assert.equal(output, "a lab needs root: loop devices are made with /dev/loop-control\n");
    });

    it("reports that it needs Go, and where to get it", async () => {
      const { code, output } = await labWhere({ [await pathOf("go")]: "/dev/null" });
      assert.equal(code, 1, output);
      assert.match(output, /^a lab needs Go, to build Kubernetes with: https:\/\/go\.dev\/dl$/mu);
    });

    // If the tool is still missing, it names tool and package.
    it("installs the package of a tool that is missing", async () => {
      const [aptGet, asked] = [join(folder, "apt-get"), join(folder, "asked")];
      await writeFile(aptGet, `#!/bin/sh\necho "$@" >> ${asked}\n`);
      await chmod(aptGet, 0o755);
      const { code, output } = await labWhere({
        [await pathOf("ip")]: "/dev/null",
        [await pathOf("apt-get")]: aptGet,
      });
      assert.equal(code, 1, output);
      assert.equal(await readFile(asked, "utf8"), "install -y -qq --no-install-recommends iproute2\n");
      assert.match(output, /^a lab needs ip: apt-get install iproute2$/mu);
    });
  },
);
