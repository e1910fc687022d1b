import assert from "node:assert/strict";
import { it } from "node:test";
import { requiredVersions } from "./module-versions.ts";

const GO_MOD = `// A module.
module example.test/own

go 1.26.0

tool example.test/tool/v2/cmd/tool

require example.test/one v1.2.3

require (
	example.test/tool/v2 v2.0.1-rc.1
	example.test/other v0.0.0-20260101000000-0123456789ab // indirect
)

replace (
	example.test/one => example.test/one v1.0.0
)
`;

// Images and programs then carry the version that is built.
it("reads the requirements of a go.mod in each of its forms", () => {
  assert.deepEqual(
    requiredVersions(GO_MOD),
    new Map([
      ["example.test/one", "v1.2.3"],
      ["example.test/tool/v2", "v2.0.1-rc.1"],
      ["example.test/other", "v0.0.0-20260101000000-0123456789ab"],
    ]),
  );
});
