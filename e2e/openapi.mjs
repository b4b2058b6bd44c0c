// Validates an OpenAPI document with a validator of its specification, and bodies of requests
// and responses against its schemas with Ajv.
import { readFileSync } from 'node:fs'
import { Validator } from '@seriousme/openapi-schema-validator'
import { Ajv2020 } from 'ajv/dist/2020.js'

const { document, right, wrong, responses } = JSON.parse(readFileSync(0, 'utf8'))
const complaints = []

const { valid, errors } = await new Validator().validate(structuredClone(document))
if (!valid) complaints.push(`the document: ${JSON.stringify(errors)}`)

const ajv = new Ajv2020({ strict: true, strictTypes: false, strictRequired: false })
for (const word of ['openapi', 'info', 'servers', 'security', 'paths', 'components']) {
  if (!ajv.getKeyword(word)) ajv.addKeyword(word)
}
ajv.addSchema(document, 'api')
const schema = (name) => ajv.getSchema(`api#/components/schemas/${name}`)

function validate(name, values, want) {
  for (const value of values) {
    if (schema(name)(value) !== want) complaints.push(`${name}: ${JSON.stringify(value)} ${want ? ajv.errorsText(schema(name).errors) : 'is accepted'}`)
  }
}
const { requestBody, responses: described } = document.paths['/publish'].post
const examples = Object.values(requestBody.content['application/json'].examples).map(({ value }) => value)
for (const { value } of Object.values(requestBody.content['application/x-ndjson'].examples)) {
  examples.push(...value.trim().split('\n').map((line) => JSON.parse(line)))
}
validate('Line', [...examples, ...right], true)
validate('Line', wrong, false)
for (const { status, body } of responses) {
  if (!described[status]) complaints.push(`status ${status} is not described`)
  validate(status === 200 ? 'Published' : 'Refusal', [body], true)
}

console.log(complaints.length ? complaints.join('\n') : `valid: ${examples.length + right.length} right and ${wrong.length} wrong lines, ${responses.length} responses`)
