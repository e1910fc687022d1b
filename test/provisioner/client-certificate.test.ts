import assert from "node:assert/strict";
import { createPrivateKey, createPublicKey, X509Certificate } from "node:crypto";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { findCommand } from "../../scripts/child/find-command.ts";
import { runCommand } from "../../scripts/child/run-command.ts";
import { clientCertificatePem } from "../../src/adapters/azure-sdk/identity-file/client-certificate.ts";

const openssl = await findCommand("openssl");
const SUBJECTS = ["client", "issuer"] as const;

describe(
  "a client's certificate and key",
  { skip: openssl === undefined ? "openssl is not installed" : false },
  () => {
    let folder = "";
    const run = async (...args: readonly string[]): Promise<void> => {
      const { code, output } = await runCommand(openssl ?? "", args, { cwd: folder });
      assert.equal(code, 0, output);
    };
    before(async () => {
      folder = await mkdtemp(join(tmpdir(), "client-certificate-"));
      for (const subject of SUBJECTS)
        await run(
          ...["req", "-x509", "-newkey", "rsa:2048", "-nodes", "-subj", `/CN=${subject}`],
          ...["-keyout", `${subject}.key`, "-out", `${subject}.pem`],
        );
    });
    after(() => rm(folder, { recursive: true }));

    /** An archive of the client, with the issuer's certificate. */
    const archive = async (...flags: readonly string[]): Promise<Buffer> => {
      await run(
        ...["pkcs12", "-export", "-in", "client.pem", "-inkey", "client.key", "-certfile", "issuer.pem"],
        ...["-passout", "pass:", "-out", "archive.pfx", ...flags],
      );
      return readFile(join(folder, "archive.pfx"));
    };
    const read = (name: string): Promise<Buffer> => readFile(join(folder, name));
    const subjectsIn = (pem: string): readonly string[] =>
      (pem.match(/-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/gu) ?? []).map(
        (each) => new X509Certificate(each).subject,
      );

    for (const [what, flags] of [
      ["as OpenSSL encrypts it by default", []],
      ["encrypted by AES with 128 bits", ["-certpbe", "AES-128-CBC", "-keypbe", "AES-128-CBC"]],
      ["with a checksum of SHA-1", ["-macalg", "sha1"]],
      ["whose key is not encrypted", ["-keypbe", "NONE"]],
      ["whose certificates are not encrypted", ["-certpbe", "NONE"]],
    ] as const)
      it(`is read from an archive ${what}`, async () => {
        const pem = clientCertificatePem(await archive(...flags));
        assert.deepEqual(subjectsIn(pem), ["CN=client", "CN=issuer"]);
        assert.ok(new X509Certificate(pem).checkPrivateKey(createPrivateKey(pem)));
        const given = createPublicKey(await read("client.key")).export({ type: "spki", format: "pem" });
        assert.equal(createPublicKey(createPrivateKey(pem)).export({ type: "spki", format: "pem" }), given);
      });

    it("is read from a PEM text, with its own certificate first", async () => {
      const parts = await Promise.all(["issuer.pem", "client.key", "client.pem"].map(read));
      assert.deepEqual(subjectsIn(clientCertificatePem(Buffer.concat(parts))), ["CN=client", "CN=issuer"]);
    });

    it("is refused from an archive with earlier encryption, or with a password", async () => {
      const early = await archive("-certpbe", "PBE-SHA1-3DES", "-keypbe", "PBE-SHA1-3DES");
      assert.throws(() => clientCertificatePem(early), /another method than PBES2 and AES/u);
      const secret = await archive("-passout", "pass:secret");
      assert.throws(() => clientCertificatePem(secret));
    });

    it("is refused from a part of an archive, wherever it is cut off", async () => {
      const whole = await archive();
      for (let length = 0; length < whole.length; length += 97)
        assert.throws(() => clientCertificatePem(whole.subarray(0, length)), `${length} bytes`);
    });

    it("is refused without the key's own certificate", async () => {
      const parts = await Promise.all(["issuer.pem", "client.key"].map(read));
      assert.throws(() => clientCertificatePem(Buffer.concat(parts)), /no certificate of its private key/u);
    });
  },
);
