package push

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/ecdh"
	"crypto/hkdf"
	"crypto/rand"
	"crypto/sha256"
	"encoding/binary"
	"slices"

	"github.com/echo-pull/pull/internal/notification"
)

// Sizes of a message in bytes (RFC 8188, section 2.1, and RFC 8291, section 4).
const (
	saltBytes   = 16
	pointBytes  = 65
	headerBytes = saltBytes + 4 + 1 + pointBytes
	recordBytes = 4096
	keyBytes    = 16
	nonceBytes  = 12

	// padStep hides the length of a notification from the push service, which could
	// otherwise distinguish "yes" from "no": the text is padded to a multiple of it.
	// Larger steps hide more, but devices pay for the traffic.
	padStep = 128

	lastRecord = 2 // the byte that ends the text of the last record
)

// padded returns the length to which a text and the byte after it are padded.
func padded(text int) int {
	return min((text+1+padStep-1)/padStep*padStep, notification.MaxPayload+1)
}

// encrypt returns the body of a message to a browser, one record (RFC 8291). Its
// keys are used for this message only.
func encrypt(text []byte, to recipient) ([]byte, error) {
	sender, err := ecdh.P256().GenerateKey(rand.Reader)
	if err != nil {
		return nil, err
	}
	salt := make([]byte, saltBytes)
	_, _ = rand.Read(salt) // it never fails
	return seal(text, padded(len(text)), to, sender, salt)
}

// seal encrypts a text, padded to a length, with the sender's key and the salt of
// this message.
func seal(text []byte, length int, to recipient, sender *ecdh.PrivateKey, salt []byte) ([]byte, error) {
	key, nonce, err := secrets(to, sender, salt)
	if err != nil {
		return nil, err
	}
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil, err
	}
	aead, err := cipher.NewGCM(block)
	if err != nil {
		return nil, err
	}
	body := make([]byte, 0, headerBytes+length+aead.Overhead())
	body = append(body, salt...)
	body = binary.BigEndian.AppendUint32(body, recordBytes)
	body = append(body, pointBytes)
	body = append(body, sender.PublicKey().Bytes()...)

	body = append(body, text...)
	body = append(body, lastRecord)
	body = body[:headerBytes+length] // make has filled the rest with zeros
	return aead.Seal(body[:headerBytes], nonce, body[headerBytes:], nil), nil
}

// secrets derives the key and the nonce of a message.
func secrets(to recipient, sender *ecdh.PrivateKey, salt []byte) (key, nonce []byte, err error) {
	shared, err := sender.ECDH(to.public)
	if err != nil {
		return nil, nil, err
	}
	info := slices.Concat([]byte("WebPush: info\x00"), to.public.Bytes(), sender.PublicKey().Bytes())
	input, err := hkdf.Key(sha256.New, shared, to.auth, string(info), sha256.Size)
	if err != nil {
		return nil, nil, err
	}
	extracted, err := hkdf.Extract(sha256.New, input, salt)
	if err != nil {
		return nil, nil, err
	}
	if key, err = hkdf.Expand(sha256.New, extracted, "Content-Encoding: aes128gcm\x00", keyBytes); err != nil {
		return nil, nil, err
	}
	nonce, err = hkdf.Expand(sha256.New, extracted, "Content-Encoding: nonce\x00", nonceBytes)
	return key, nonce, err
}
