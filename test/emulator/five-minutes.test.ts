import assert from "node:assert/strict";
import { execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { it } from "node:test";
import { promisify } from "node:util";
import { freePorts } from "../../testbed/ports/free-ports.ts";
import { PATIENCE_MS } from "./azure-fixture.ts";
import { call } from "./call.ts";

const ROOT = join(import.meta.dirname, "../..");
const run = promisify(execFile);
const hasCurl = await run("curl", ["--version"]).then(
  () => true,
  () => false,
);

it(
  "the five minutes of docs/emulator.md work as written",
  { skip: hasCurl ? false : "needs curl" },
  async () => {
    const page = await readFile(join(ROOT, "docs/emulator.md"), "utf8");
    const [port = 0] = await freePorts(1);
    const [first = "", second = ""] = [...page.matchAll(/^```sh\n(.*?)^```$/gms)].map(([, block = ""]) =>
      block.replaceAll("8443", String(port)),
    );
    const [, prepare = "", flags = ""] =
      /^(.*)npm run build && npm exec -- azure-compute-emulator (.*)$/ms.exec(first) ?? [];
    const directory = await mkdtemp(join(tmpdir(), "emulator-five-minutes-"));
    const inShell = (script: string): Promise<{ readonly stdout: string }> =>
      run("bash", ["-euc", script], { cwd: directory });
    try {
      await inShell(prepare);
      const program = spawn(
        process.execPath,
        [join(ROOT, "src/emulator/main.ts"), ...flags.trim().split(" ")],
        {
          ...{ cwd: directory, stdio: ["ignore", "pipe", "inherit"] },
        },
      );
      const ended = once(program, "exit");
      try {
        await once(program.stdout, "data");
        const { stdout } = await inShell(second);
        for (const called of [
          '"Disks_CreateOrUpdate","method":"PUT"',
          '"VirtualMachines_Update","method":"PATCH"',
          '"Disks_Get","method":"GET"',
        ])
          assert.ok(stdout.includes(called), `${called} is missing in: ${stdout}`);
        const ca = await readFile(join(directory, "ca.pem"), "utf8");
        const state = async (): Promise<string | undefined> => {
          const { body } = await call(ca, `https://localhost:${port}/emulator/v1/state`);
          return (body as { disks: readonly { properties: { diskState: string } }[] }).disks[0]?.properties
            .diskState;
        };
        const endsMs = performance.now() + PATIENCE_MS;
        while ((await state()) !== "Attached")
          assert.ok(performance.now() < endsMs, "the disk is not attached");
      } finally {
        program.kill("SIGTERM");
      }
      assert.deepEqual(await ended, [0, null]);
    } finally {
      await rm(directory, { recursive: true });
    }
  },
);
