// Receives what package push sends, as a browser and its push service do, with
// other people's code: http_ece opens the body, Node's crypto verifies the token,
// and web-push checks and makes key pairs.
import { createECDH, createPublicKey, verify } from 'node:crypto'
import { readFileSync } from 'node:fs'
import ece from 'http_ece'
import webpush from 'web-push'

const { browser, auth, keys, requests } = JSON.parse(readFileSync(0, 'utf8'))

const ecdh = createECDH('prime256v1')
ecdh.setPrivateKey(Buffer.from(browser, 'base64url'))

/** The claims of a token, if its signature is that of the key beside it. */
function claims(authorization) {
  const [, head, body, signature, key] = /^vapid t=([\w-]+)\.([\w-]+)\.([\w-]+), k=([\w-]+)$/.exec(authorization)
  const point = Buffer.from(key, 'base64url')
  const jwk = { kty: 'EC', crv: 'P-256', x: point.subarray(1, 33).toString('base64url'), y: point.subarray(33).toString('base64url') }
  const signed = { key: createPublicKey({ key: jwk, format: 'jwk' }), dsaEncoding: 'ieee-p1363' }
  if (!verify('sha256', Buffer.from(`${head}.${body}`), signed, Buffer.from(signature, 'base64url'))) throw new Error('wrong signature')
  return { header: JSON.parse(Buffer.from(head, 'base64url')), ...JSON.parse(Buffer.from(body, 'base64url')), key }
}

const opened = requests.map(({ body, authorization }) => ({
  text: ece.decrypt(Buffer.from(body, 'base64'), { version: 'aes128gcm', privateKey: ecdh, authSecret: auth }).toString('utf8'),
  claims: claims(authorization),
}))

webpush.setVapidDetails('mailto:ops@example.com', keys.Public, keys.Private) // throws if they are wrong
process.stdout.write(JSON.stringify({ opened, keys: webpush.generateVAPIDKeys() }))
