package wecom

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"
	"crypto/sha1"
	"crypto/subtle"
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"
)

// ErrRefused is the one answer to a callback that is not for us: whichever of signature, encoding,
// padding, length or receiver is wrong, nobody outside learns.
var ErrRefused = errors.New("wecom: callback refused")

// Crypto signs, checks, encrypts and decrypts callback messages for one receiver with one set of
// keys. Safe for concurrent use.
//
// The SDK's util.DecryptMsg is not used: it sets up the cipher anew for every message, looks only
// at the last byte of the padding, tells failures apart in its errors and refuses an empty
// receiver; and its helpers compare signatures in variable time or not at all. A test holds both
// against each other. Platform documentation, 回调和回复的加解密方案.
type Crypto struct {
	token    string
	receiver string
	block    cipher.Block
	iv       [aes.BlockSize]byte
}

const (
	padTo      = 32     // padding goes to this size, not to the cipher's block
	headLength = 16 + 4 // random bytes, then the message's length
)

// NewCrypto takes the callback's Token and EncodingAESKey (43 characters) and the id that messages
// must be addressed to: the corp id, or the app id of a mini-program. Its errors name no value.
func NewCrypto(token, aesKey, receiveID string) (*Crypto, error) {
	// Not strict: two bits of the last character are free, and the platform fills them at random.
	key, err := base64.StdEncoding.DecodeString(aesKey + "=")
	if err != nil || len(aesKey) != 43 || len(key) != 32 {
		return nil, errors.New("wecom: EncodingAESKey must be 43 characters of A-Z, a-z, 0-9")
	}
	if token == "" || receiveID == "" {
		return nil, errors.New("wecom: callback token or receiver is missing")
	}
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil, fmt.Errorf("wecom: callback cipher: %w", err)
	}
	c := &Crypto{token: token, receiver: receiveID, block: block}
	copy(c.iv[:], key)
	return c, nil
}

// Sign returns the msg_signature of an encrypted message.
func (c *Crypto) Sign(timestamp, nonce, encrypted string) string {
	sum := digest([4]string{c.token, timestamp, nonce, encrypted})
	return hex.EncodeToString(sum[:])
}

// Verify checks a msg_signature in constant time.
func (c *Crypto) Verify(signature, timestamp, nonce, encrypted string) bool {
	return equal(signature, digest([4]string{c.token, timestamp, nonce, encrypted}))
}

// VerifyPlain checks the signature of a mini-program's address check, which covers no message, in
// constant time.
func (c *Crypto) VerifyPlain(signature, timestamp, nonce string) bool {
	return equal(signature, digest([4]string{c.token, timestamp, nonce, ""}))
}

// digest is the SHA-1 of the parts in ascending order; an empty part changes nothing.
func digest(parts [4]string) [sha1.Size]byte {
	for i := 1; i < len(parts); i++ {
		for j := i; j > 0 && parts[j] < parts[j-1]; j-- {
			parts[j], parts[j-1] = parts[j-1], parts[j]
		}
	}
	var room [2048]byte // keeps usual messages off the heap
	text := room[:0]
	for _, p := range parts {
		text = append(text, p...)
	}
	return sha1.Sum(text)
}

func equal(signature string, sum [sha1.Size]byte) bool {
	var want [2 * sha1.Size]byte
	hex.Encode(want[:], sum[:])
	return subtle.ConstantTimeCompare([]byte(signature), want[:]) == 1
}

// Decrypt returns the message inside, or ErrRefused. Check the signature first.
func (c *Crypto) Decrypt(encrypted string) ([]byte, error) {
	data := make([]byte, base64.StdEncoding.DecodedLen(len(encrypted)))
	n, err := base64.StdEncoding.Strict().Decode(data, []byte(encrypted))
	// Go's decoder skips line ends; the platform sends none.
	if err != nil || n == 0 || n%padTo != 0 || strings.ContainsAny(encrypted, "\r\n") {
		return nil, ErrRefused
	}
	data = data[:n]
	cipher.NewCBCDecrypter(c.block, c.iv[:]).CryptBlocks(data, data)
	body, ok := unpad(data)
	if !ok || len(body) < headLength {
		return nil, ErrRefused
	}
	length := binary.BigEndian.Uint32(body[16:headLength])
	body = body[headLength:]
	if uint64(length) > uint64(len(body)) {
		return nil, ErrRefused
	}
	if subtle.ConstantTimeCompare(body[length:], []byte(c.receiver)) != 1 {
		return nil, ErrRefused
	}
	return body[:length:length], nil
}

// unpad takes off between 1 and 32 bytes that all say how many they are, in a time that does not
// depend on which of them is wrong.
func unpad(data []byte) ([]byte, bool) {
	pad := int(data[len(data)-1])
	good := subtle.ConstantTimeLessOrEq(1, pad) & subtle.ConstantTimeLessOrEq(pad, padTo)
	for i := range padTo {
		inside := subtle.ConstantTimeLessOrEq(i+1, pad)
		same := subtle.ConstantTimeByteEq(data[len(data)-1-i], byte(pad))
		good &= subtle.ConstantTimeSelect(inside, same, 1)
	}
	if good != 1 {
		return nil, false
	}
	return data[:len(data)-pad], true
}

// Encrypt packs a message for this receiver, each time with fresh random bytes.
func (c *Crypto) Encrypt(message []byte) string {
	var random [16]byte
	_, _ = rand.Read(random[:]) // never fails
	return c.encrypt(random, message)
}

func (c *Crypto) encrypt(random [16]byte, message []byte) string {
	size := headLength + len(message) + len(c.receiver)
	pad := padTo - size%padTo
	data := make([]byte, 0, size+pad)
	data = append(data, random[:]...)
	data = binary.BigEndian.AppendUint32(data, uint32(len(message)))
	data = append(data, message...)
	data = append(data, c.receiver...)
	for range pad {
		data = append(data, byte(pad))
	}
	cipher.NewCBCEncrypter(c.block, c.iv[:]).CryptBlocks(data, data)
	return base64.StdEncoding.EncodeToString(data)
}
