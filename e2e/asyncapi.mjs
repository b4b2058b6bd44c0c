// Reads an AsyncAPI document with the parser of its makers, and validates params of its
// events against their schemas with Ajv.
import { readFileSync } from 'node:fs'
import parsing from '@asyncapi/parser'
import { Ajv } from 'ajv'
import formats from 'ajv-formats'

const { document, right, wrong } = JSON.parse(readFileSync(0, 'utf8'))
const complaints = []

const { document: parsed, diagnostics } = await new parsing.Parser().parse(document)
for (const { severity, path, message } of diagnostics) {
  if (severity <= 1) complaints.push(`${path.join('/')}: ${message}`)
}
if (parsed?.version() !== '3.0.0') complaints.push('the document is not of version 3.0.0')
for (const operation of parsed?.operations().all() ?? []) {
  if (!operation.isReceive() || operation.messages().isEmpty()) complaints.push(`${operation.id()} receives nothing`)
}
if (parsed?.messages().all().length !== Object.keys(right).length) complaints.push('an event is missing')

const ajv = new Ajv({ strict: true, strictTypes: false, strictTuples: false })
formats.default(ajv)
ajv.addKeyword('components') // holds the schemas to which others refer
const { channels, components } = JSON.parse(document)

/** The event as it arrives. */
const event = (name, params) => [1, 2, name, params]

function validate(values, want) {
  for (const [name, all] of Object.entries(values)) {
    const valid = ajv.compile({ ...channels.events.messages[name].payload, components })
    for (const params of all) {
      if (valid(event(name, params)) !== want) complaints.push(`${name}: ${JSON.stringify(params)} ${want ? ajv.errorsText(valid.errors) : 'is accepted'}`)
    }
  }
}
validate(right, true)
validate(wrong, false)

const count = (values) => Object.values(values).flat().length
console.log(complaints.length ? complaints.join('\n') : `valid: ${count(right)} right and ${count(wrong)} wrong values`)
