import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { parseCommandLine } from "./command-line.ts";

describe("the command line", () => {
  const wrong: readonly { readonly args: readonly string[]; readonly because: RegExp }[] = [
    { args: ["--port", "70000"], because: /--port must be a number from 0 to 65535, not '70000'/ },
    { args: ["--time-scale", "-1"], because: /time-scale/ },
    { args: ["--time-scale=fast"], because: /--time-scale must be a number from 0, not 'fast'/ },
    { args: ["--seed", "1.5"], because: /--seed must be a whole number/ },
    {
      args: ["--data-plane", "windows"],
      because: /--data-plane must be one of none, files, linux, auto, not 'windows'/,
    },
    { args: ["--data-plane", "files"], because: /--data-plane files needs --data-dir$/ },
    { args: ["--data-plane", "linux"], because: /needs --data-dir and --device-root/ },
    { args: ["--prot", "1"], because: /--prot/ },
    { args: ["serve"], because: /serve/ },
  ];
  for (const { args, because } of wrong) {
    it(`refuses ${args.join(" ")} and names the fault`, () => {
      const parsed = parseCommandLine(args);
      assert.equal(parsed.kind, "Wrong");
      assert.match(parsed.kind === "Wrong" ? parsed.reason : "", because);
    });
  }

  it("has defaults for everything", () => {
    assert.deepEqual(parseCommandLine([]), {
      kind: "Run",
      commandLine: {
        host: "127.0.0.1",
        port: 0,
        plainHttp: false,
        caFile: "azure-emulator-ca.pem",
        dataPlane: "none",
        json: false,
      },
    });
  });

  it("accepts every flag", () => {
    const args =
      "--config s.yaml --host ::1 --port 8443 --ca-file ca.pem --time-scale 0.01 --seed 7 " +
      "--data-plane linux --data-dir d --device-root r --ready-file f --json";
    assert.deepEqual(parseCommandLine(args.split(" ")), {
      kind: "Run",
      commandLine: {
        ...{
          host: "::1",
          port: 8443,
          plainHttp: false,
          caFile: "ca.pem",
          dataPlane: "linux",
          json: true,
          config: "s.yaml",
        },
        ...{ timeScale: 0.01, seed: 7, dataDir: "d", deviceRoot: "r", readyFile: "f" },
      },
    });
  });
});
