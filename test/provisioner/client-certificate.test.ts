import assert from "node:assert/strict";
import {
  createCipheriv,
  createHmac,
  createPrivateKey,
  createPublicKey,
  pbkdf2Sync,
  X509Certificate,
} from "node:crypto";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { findCommand } from "../../scripts/child/find-command.ts";
import { runCommand } from "../../scripts/child/run-command.ts";
import { clientCertificatePem } from "../../src/adapters/azure-sdk/identity-file/client-certificate.ts";
import { derAt, derBytes, derElements, derOnly } from "../../src/adapters/azure-sdk/identity-file/der.ts";

const openssl = await findCommand("openssl");
const TRIPLE_DES = ["-certpbe", "PBE-SHA1-3DES", "-keypbe", "PBE-SHA1-3DES"] as const;
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

    /** Safes of the client's certificate and of both keys, the latter encrypted from no password bytes. */
    const tripleDesParts = async (): Promise<Record<"cert" | "key" | "otherKey", Buffer>> => {
      const [client, own, other] = await Promise.all(["client.pem", "client.key", "issuer.key"].map(read));
      assert.ok(client !== undefined && own !== undefined && other !== undefined);
      return {
        cert: safeOf(certificateBag(new X509Certificate(client).raw)),
        key: safeOf(shroudedKeyBag(pkcs8Of(own))),
        otherKey: safeOf(shroudedKeyBag(pkcs8Of(other))),
      };
    };

    for (const [what, flags] of [
      ["as OpenSSL encrypts it by default", []],
      ["encrypted by AES with 128 bits", ["-certpbe", "AES-128-CBC", "-keypbe", "AES-128-CBC"]],
      ["encrypted by PBES2 with 3DES", ["-certpbe", "DES-EDE3-CBC", "-keypbe", "DES-EDE3-CBC"]],
      ["as earlier OpenSSL and Go encrypt it", [...TRIPLE_DES, "-macalg", "sha1"]],
      [
        "whose key 3DES encrypts with 100,000 iterations",
        [...TRIPLE_DES, "-certpbe", "NONE", "-iter", "100000"],
      ],
      ["with a checksum of SHA-1", ["-macalg", "sha1"]],
      ["with a checksum of SHA-384", ["-macalg", "sha384"]],
      ["with a checksum of SHA-512", ["-macalg", "sha512"]],
      ["without a checksum", ["-nomac"]],
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

    it("is read from an archive of a program that derives keys from no password", async () => {
      const { cert, key } = await tripleDesParts();
      assert.deepEqual(subjectsIn(clientCertificatePem(archiveOf(cert, key))), ["CN=client"]);
    });

    for (const [what, flags] of [
      ["PBES2", []],
      ["3DES", TRIPLE_DES],
      ["nothing, and has a checksum", ["-certpbe", "NONE", "-keypbe", "NONE"]],
    ] as const)
      it(`is read from an archive with its password alone that encrypts with ${what}`, async () => {
        const secret = await archive(...flags, "-passout", "pass:käse 😀");
        assert.deepEqual(subjectsIn(clientCertificatePem(secret, "käse 😀")), ["CN=client", "CN=issuer"]);
        assert.throws(() => clientCertificatePem(secret), /^Error: has a password, or is damaged: /u);
        assert.throws(
          () => clientCertificatePem(secret, "Käse"),
          /^Error: has another password, or is damaged: /u,
        );
      });

    it("is read with its password from a PEM text whose key is encrypted", async () => {
      await run("pkcs8", "-topk8", "-in", "client.key", "-out", "secret.key", "-passout", "pass:secret");
      const pem = Buffer.concat(await Promise.all(["client.pem", "secret.key"].map(read)));
      assert.deepEqual(subjectsIn(clientCertificatePem(pem, "secret")), ["CN=client"]);
      assert.throws(() => clientCertificatePem(pem), isSentence);
      assert.throws(() => clientCertificatePem(pem, "other"), isSentence);
    });

    const UNENCRYPTED = ["-certpbe", "NONE", "-keypbe", "NONE"];
    const MISFIT =
      /^Error: has a password, or is damaged: its checksum does not fit; convert it to PEM: openssl/u;
    it("is refused where only the checksum shows that the archive has a password", async () => {
      const secret = await archive(...UNENCRYPTED, "-passout", "pass:secret");
      assert.throws(() => clientCertificatePem(secret), MISFIT);
    });

    for (const [what, withChecksum] of [
      ["of RFC 7292", (whole: Buffer) => whole],
      ["by PBMAC1", withPbmac1],
    ] as const)
      it(`is refused where another certificate does not fit the checksum ${what}`, async () => {
        const whole = withChecksum(await archive(...UNENCRYPTED));
        assert.deepEqual(subjectsIn(clientCertificatePem(whole)), ["CN=client", "CN=issuer"]);
        const issuer = new X509Certificate(await read("issuer.pem")).raw;
        const at = whole.indexOf(issuer) + issuer.length - 1;
        whole.writeUInt8(whole.readUInt8(at) ^ 1, at);
        assert.throws(() => clientCertificatePem(whole), MISFIT);
      });

    it("is refused where the method of the checksum is not known", async () => {
      const whole = await archive(...UNENCRYPTED, "-macalg", "sha224");
      assert.throws(() => clientCertificatePem(whole), /a checksum by a method that is not known; convert/u);
    });

    for (const [what, flags] of [
      ["certificates", ["-certpbe", "PBE-SHA1-3DES", "-keypbe", "NONE"]],
      ["key", ["-certpbe", "NONE", "-keypbe", "PBE-SHA1-3DES"]],
      ["AES key", ["-certpbe", "NONE"]],
    ] as const)
      it(`is refused where too many iterations encrypt the ${what}`, async () => {
        const costly = await archive(...flags, "-iter", what === "AES key" ? "1000001" : "100001");
        assert.throws(
          () => clientCertificatePem(costly),
          /derives a key with 10+1 iterations, not 1 to 10+; conv/u,
        );
      });

    it("is refused from an archive encrypted by RC2, with the command that converts it", async (context) => {
      const provider = await runCommand(openssl ?? "", ["list", "-providers", "-provider", "legacy"], {
        cwd: folder,
      });
      if (provider.code !== 0) return context.skip("openssl has no legacy ciphers");
      const early = await archive("-legacy");
      assert.throws(
        () => clientCertificatePem(early),
        /PBE-SHA1-RC2-40, .*: openssl pkcs12 -legacy -nodes -in/u,
      );
    });

    for (const [what, flags] of [
      ["AES", []],
      ["3DES", TRIPLE_DES],
    ] as const)
      it(`is refused from a part of an archive, wherever it is cut off: ${what}`, async () => {
        const whole = await archive(...flags);
        for (let length = 0; length < whole.length; length += 1)
          assert.throws(() => clientCertificatePem(whole.subarray(0, length)), isSentence, `${length} bytes`);
        assert.throws(() => clientCertificatePem(Buffer.concat([whole, Buffer.from([0x30, 0])])), isSentence);
      });

    it("is refused with a sentence, whatever byte of an archive is damaged", async () => {
      const whole = await archive(...UNENCRYPTED, "-iter", "1");
      for (let at = 0; at < whole.length; at += 1) {
        const damaged = Buffer.from(whole);
        damaged.writeUInt8(whole.readUInt8(at) ^ 0xff, at);
        try {
          clientCertificatePem(damaged);
        } catch (error) {
          assert.ok(isSentence(error), `byte ${at}`);
        }
      }
    });

    it("is the key that has the certificate, of two in a PEM text", async () => {
      for (const order of [
        ["issuer.key", "client.key", "client.pem"],
        ["client.key", "client.pem", "issuer.key"],
      ]) {
        const pem = clientCertificatePem(Buffer.concat(await Promise.all(order.map(read))));
        assert.deepEqual(subjectsIn(pem), ["CN=client"]);
        assert.ok(new X509Certificate(pem).checkPrivateKey(createPrivateKey(pem)));
      }
    });

    it("is the key that has the certificate, of two in an archive in any order", async () => {
      const { cert, key, otherKey } = await tripleDesParts();
      for (const parts of [
        [cert, key, otherKey],
        [otherKey, key, cert],
        [key, cert, otherKey, key],
      ]) {
        const pem = clientCertificatePem(archiveOf(...parts));
        assert.deepEqual(subjectsIn(pem), ["CN=client"]);
        assert.ok(new X509Certificate(pem).checkPrivateKey(createPrivateKey(pem)));
      }
    });

    it("is refused where two keys have a certificate each", async () => {
      const names = ["issuer.pem", "issuer.key", "client.key", "client.pem"];
      const both = Buffer.concat(await Promise.all(names.map(read)));
      assert.throws(() => clientCertificatePem(both), /has 2 private keys with a certificate each/u);
    });

    it("is refused without the key's own certificate", async () => {
      const parts = await Promise.all(["issuer.pem", "client.key"].map(read));
      assert.throws(() => clientCertificatePem(Buffer.concat(parts)), /no certificate of its private key/u);
    });
  },
);

/** An error with a sentence of its own, or of OpenSSL, and none of Node about ranges or types. */
function isSentence(error: unknown): boolean {
  return error instanceof Error && error.name === "Error" && error.message !== "";
}

function der(tag: number, ...parts: readonly Buffer[]): Buffer {
  const content = Buffer.concat(parts);
  const header = Buffer.from([tag, 0x82, 0, 0]);
  header.writeUInt16BE(content.length, 2);
  return Buffer.concat([header, content]);
}

const oid = (hex: string): Buffer => der(6, Buffer.from(hex, "hex"));
const contentInfo = (content: Buffer): Buffer =>
  der(0x30, oid("2a864886f70d010701"), der(0xa0, der(4, content)));

/** An archive without checksum, of parts in this order. */
function archiveOf(...safes: readonly Buffer[]): Buffer {
  return der(0x30, der(2, Buffer.from([3])), contentInfo(der(0x30, ...safes)));
}

/** The archive with a checksum by PBMAC1 (RFC 9579) in place of its own, as OpenSSL has it from 3.4 on. */
function withPbmac1(whole: Buffer): Buffer {
  const [, authenticatedSafe] = derElements(derOnly(whole).content);
  assert.ok(authenticatedSafe !== undefined);
  const content = derBytes(derAt(authenticatedSafe.content, 1, 0));
  const salt = Buffer.from("0102030405060708", "hex");
  const digest = createHmac("sha256", pbkdf2Sync("", salt, 2048, 32, "sha512"))
    .update(content)
    .digest();
  const hmac = (name: string): Buffer => der(0x30, oid(name), der(5));
  const derivation = der(
    0x30,
    ...[der(4, salt), der(2, Buffer.from([8, 0])), der(2, Buffer.from([32])), hmac("2a864886f70d020b")],
  );
  const parameters = der(0x30, der(0x30, oid("2a864886f70d01050c"), derivation), hmac("2a864886f70d0209"));
  const stated = der(0x30, der(0x30, oid("2a864886f70d01050e"), parameters), der(4, digest));
  const macData = der(0x30, stated, der(4, Buffer.from("unused")), der(2, Buffer.from([1])));
  return der(0x30, der(2, Buffer.from([3])), authenticatedSafe.whole, macData);
}

function safeOf(bag: Buffer): Buffer {
  return contentInfo(der(0x30, bag));
}

function certificateBag(certificate: Buffer): Buffer {
  const value = der(0x30, oid("2a864886f70d01091601"), der(0xa0, der(4, certificate)));
  return der(0x30, oid("2a864886f70d010c0a0103"), der(0xa0, value));
}

/** Encrypted with the key and vector that OpenSSL derives from no password, this salt and 2048 iterations. */
function shroudedKeyBag(pkcs8: Buffer): Buffer {
  const salt = Buffer.from("0102030405060708", "hex");
  const key = Buffer.from("3cdbb28c9ab3455fcc24a7052c3e328a30e7480309831a7b", "hex");
  const cipher = createCipheriv("des-ede3-cbc", key, Buffer.from("15cfa7547d5bef45", "hex"));
  const parameters = der(0x30, der(4, salt), der(2, Buffer.from([8, 0])));
  const algorithm = der(0x30, oid("2a864886f70d010c0103"), parameters);
  const value = der(0x30, algorithm, der(4, cipher.update(pkcs8), cipher.final()));
  return der(0x30, oid("2a864886f70d010c0a0102"), der(0xa0, value));
}

function pkcs8Of(pem: Buffer): Buffer {
  return createPrivateKey(pem).export({ type: "pkcs8", format: "der" });
}
