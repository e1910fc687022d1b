import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { parseCommandLine } from "./command-line.ts";

describe("the command line", () => {
  const wrong: readonly { readonly args: readonly string[]; readonly problems: readonly string[] }[] = [
    { args: ["--port", "70000"], problems: ['--port: got "70000"; expected a whole number from 0 to 65535'] },
    { args: ["--time-scale", "-1"], problems: ['--time-scale: got "-1"; expected a number from 0'] },
    {
      args: ["--time-scale=fast", "--seed", "1.5"],
      problems: [
        '--time-scale: got "fast"; expected a number from 0',
        '--seed: got "1.5"; expected a whole number from 0',
      ],
    },
    {
      args: ["--data-plane", "linus"],
      problems: ['--data-plane: got "linus"; expected one of none, files, linux, auto; did you mean linux?'],
    },
    { args: ["--data-plane", "files"], problems: ["--data-dir: must be given with --data-plane files"] },
    {
      args: ["--data-plane", "linux"],
      problems: [
        "--data-dir: must be given with --data-plane linux",
        "--device-root: must be given with --data-plane linux",
      ],
    },
    { args: ["--prort", "1"], problems: ["--prort: unknown flag; did you mean --port?"] },
    ...["config", "host", "ca-file", "ready-file", "data-dir", "device-root"].map((flag) => ({
      args: [`--${flag}=`],
      problems: [`--${flag}: got ""; expected a value that is not empty`],
    })),
    { args: ["serve"], problems: ['"serve": unexpected argument; settings are flags'] },
  ];
  for (const { args, problems } of wrong) {
    it(`refuses ${args.join(" ")} and names the fault`, () => {
      const parsed = parseCommandLine(args);
      assert.deepEqual(parsed.kind === "Refuse" ? parsed.problems.slice(0, problems.length) : [], problems);
    });
  }

  it("has defaults for everything", () => {
    const parsed = parseCommandLine([]);
    assert.deepEqual(parsed.kind === "Run" ? parsed.values : parsed, {
      config: undefined,
      timeScale: undefined,
      seed: undefined,
      host: "127.0.0.1",
      port: 0,
      plainHttp: false,
      caFile: "azure-emulator-ca.pem",
      readyFile: undefined,
      json: false,
      dataPlane: "none",
      dataDir: undefined,
      deviceRoot: undefined,
    });
  });

  it("accepts every flag", () => {
    const args =
      "--config s.yaml --host ::1 --port 8443 --ca-file ca.pem --time-scale 0.01 --seed 7 " +
      "--data-plane linux --data-dir d --device-root r --ready-file f --json --plain-http";
    const parsed = parseCommandLine(args.split(" "));
    assert.deepEqual(parsed.kind === "Run" ? parsed.values : parsed, {
      config: "s.yaml",
      timeScale: 0.01,
      seed: 7,
      host: "::1",
      port: 8443,
      plainHttp: true,
      caFile: "ca.pem",
      readyFile: "f",
      json: true,
      dataPlane: "linux",
      dataDir: "d",
      deviceRoot: "r",
    });
  });
});
