import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync } from "node:fs";
import { mkdir, mkdtemp, readFile, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, it } from "node:test";
import type { TestContext } from "node:test";
import { majorMinorOf } from "../../../core/node/device/device-number.ts";
import { kindOf } from "../../../core/testing/value-of.ts";
import { systemClock } from "../../system/system-clock.ts";
import { createLinuxHost } from "../create-linux-host.ts";

const never = new AbortController().signal;
const tests = { timeout: 600_000 };
const limitMs = 600_000;

/**
 * A host with one mount and stand-ins for sync and fsfreeze. A command fails while there is a file with its
 * option's name; a thaw does not end while there is a file `slow`.
 */
async function aHost(t: TestContext, fsType = "ext4") {
  const directory = await mkdtemp(join(tmpdir(), "freeze-file-system-"));
  const [path, bin, procRoot] = [join(directory, "mount"), join(directory, "bin"), join(directory, "proc")];
  for (const made of [path, bin, join(procRoot, "self")]) await mkdir(made, { recursive: true });
  const script = `#!/bin/sh
echo "$1" >>${directory}/calls
test -e "${directory}/$1" && { echo busy >&2; exit 1; }
while [ "$1" = --unfreeze ] && test -e ${directory}/slow; do sleep 0.01; done
exit 0
`;
  for (const name of ["sync", "fsfreeze"]) await writeFile(join(bin, name), script, { mode: 0o755 });
  // It looks at each mount of the machine as it starts, also at one whose server does not answer.
  await writeFile(join(bin, "xfs_io"), "#!/bin/sh\nexec sleep 60\n", { mode: 0o755 });
  const majorMinor = majorMinorOf((await stat(path, { bigint: true })).dev);
  const mount = `36 35 ${majorMinor} / ${path} rw,relatime - ${fsType} /dev/sdc rw\n`;
  await writeFile(join(procRoot, "self/mountinfo"), mount);
  const pathBefore = process.env["PATH"];
  process.env["PATH"] = `${bin}:${pathBefore ?? ""}`;
  const places = { lockDirectory: join(directory, "locks"), procRoot };
  const host = await createLinuxHost({ ...places, clock: systemClock });
  const makeFast = () => rm(join(directory, "slow"), { force: true });
  t.after(async () => {
    await makeFast();
    await host.close();
    process.env["PATH"] = pathBefore;
    await rm(directory, { recursive: true });
  });
  const calls = async () =>
    existsSync(join(directory, "calls"))
      ? (await readFile(join(directory, "calls"), "utf8")).trim().split("\n")
      : [];
  return {
    host,
    places,
    at: { path, majorMinor },
    bind: { stagingPath: path, targetPath: join(directory, "target"), readOnly: false, mountFlags: [] },
    makeFail: (option: string) => writeFile(join(directory, option), ""),
    makeSlow: () => writeFile(join(directory, "slow"), ""),
    makeFast,
    calls,
    untilThawing: async () => {
      while (!(await calls()).includes("--unfreeze")) await systemClock.sleep(5, never);
    },
  };
}

describe("a freeze of a file system", tests, () => {
  it("counts as held if only its thaw has ended it", async (t) => {
    const { host, at, calls } = await aHost(t);
    assert.equal(kindOf(await host.freeze({ ...at, limitMs }, never)), "ok");
    assert.deepEqual(await host.thaw(at, never), { ok: true, value: { held: true } });
    assert.deepEqual(await calls(), ["--file-system", "--freeze", "--unfreeze"]);
  });

  it("of xfs ends while another mount keeps the process that could thaw it busy", async (t) => {
    const { host, at } = await aHost(t, "xfs");
    assert.equal(kindOf(await host.freeze({ ...at, limitMs }, never)), "ok");
    const soon = AbortSignal.timeout(20_000);
    assert.deepEqual(await host.thaw(at, soon), { ok: true, value: { held: true } });
  });

  it("counts as lost after a bind mount that was cancelled while it ended it", async (t) => {
    const { host, at, bind, makeSlow, makeFast, untilThawing, calls } = await aHost(t);
    assert.equal(kindOf(await host.freeze({ ...at, limitMs }, never)), "ok");
    await makeSlow();
    const caller = new AbortController();
    const bound = host.bindMount(bind, caller.signal);
    await untilThawing();
    caller.abort();
    assert.equal(kindOf(await bound), "Cancelled");
    await makeFast();
    assert.deepEqual(await host.thaw(at, never), { ok: true, value: { held: false } });
    assert.deepEqual(await calls(), ["--file-system", "--freeze", "--unfreeze"]);
  });

  it("does not begin before the one before has ended", async (t) => {
    const { host, at, makeSlow, makeFast, untilThawing, calls } = await aHost(t);
    assert.equal(kindOf(await host.freeze({ ...at, limitMs }, never)), "ok");
    await makeSlow();
    const caller = new AbortController();
    const again = host.freeze({ ...at, limitMs }, caller.signal);
    await untilThawing();
    caller.abort();
    assert.equal(kindOf(await again), "Cancelled");
    await makeFast();
    assert.equal(kindOf(await host.thaw(at, never)), "ok");
    assert.deepEqual(await calls(), ["--file-system", "--freeze", "--unfreeze"]);
  });

  it("ends with its process, which does not wait for its limit", { timeout: 60_000 }, async (t) => {
    const { places, at, calls, untilThawing } = await aHost(t);
    const script = `
      const { createLinuxHost } = await import(${JSON.stringify(import.meta.resolve("../create-linux-host.ts"))});
      const { systemClock } = await import(${JSON.stringify(import.meta.resolve("../../system/system-clock.ts"))});
      const host = await createLinuxHost({ ...${JSON.stringify(places)}, clock: systemClock });
      const request = { ...${JSON.stringify(at)}, limitMs: ${limitMs} };
      const frozen = await host.freeze(request, new AbortController().signal);
      process.exitCode = frozen.ok ? 7 : 1;
    `;
    const args = ["--input-type=module", "--eval", script];
    const freezing = spawn(process.execPath, args, { stdio: "inherit" });
    t.after(() => freezing.kill("SIGKILL"));
    assert.deepEqual(await once(freezing, "exit"), [7, null]);
    await untilThawing();
    assert.deepEqual(await calls(), ["--file-system", "--freeze", "--unfreeze"]);
  });

  for (const refused of ["--file-system", "--freeze"])
    it(`thaws nothing that was not frozen (${refused} fails)`, async (t) => {
      const { host, at, makeFail, calls } = await aHost(t);
      await makeFail(refused);
      assert.equal(kindOf(await host.freeze({ ...at, limitMs }, never)), "DeviceBusy");
      assert.equal((await calls()).at(-1), refused);
    });
});
