"""The words by which columns are named: categories in English, in Chinese and in pinyin, and how much each word says.

Owns the words. Strengths: STRONG says it by itself, MEDIUM needs no more than a fitting table, WEAK only supports other evidence.
May not do: read a name; that is `naming`.
"""

from __future__ import annotations

from typing import Final

STRONG: Final = 0.8
MEDIUM: Final = 0.6
WEAK: Final = 0.3

_S, _M, _W = STRONG, MEDIUM, WEAK


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


ENGLISH: Final[dict[str, dict[float, str]]] = {
    "name": {
        _S: "first name, last name, given name, family name, surname, forename, full name, middle name, maiden name, nick name, "
        "real name, person name, legal name, lname, fname, mname, fullname, emboss name, embossed name, next of kin, legal rep, "
        "legal representative, legal person, card holder, cardholder, account holder, ship name, bill to name, ship to name, "
        "middle initial, patronymic, payee, beneficiary, consignee, guarantor, name on card, display name, contact person",
        _W: "assignee, recipient, requester, author, spouse, owner name, account name, acct name, contact",
    },
    "user_name": {
        _S: "user name, login name, login id, logon name, screen name, user login, login account, sign in name",
        _M: "login, logon, account login, userid, nickname, uname",
    },
    "phone": {
        _S: "phone, telephone, mobile, cell phone, cellphone, mobile phone, phone no, phone number, telephone number, tel no, fax, "
        "fax number, msisdn, home phone, work phone, home tel, office tel, contact phone, whatsapp, emergency contact, handphone",
        _M: "tel, cell, hp no, contact no, contact number, mob",
    },
    "email": {_S: "email, e mail, email address, mail address, emailaddr", _W: "mail"},
    "address": {
        _S: "address, street, street address, address line, addr, home address, mailing address, postal address, shipping address, "
        "billing address, residence, house number, house no, street name, line 1 address, domicile, address 1, address 2, "
        "postal code, post code, zip, zip code, postcode, zipcode, addr line",
        _W: "line, apartment, unit number",
    },
    "location": {
        _S: "latitude, longitude, geo location, geolocation, gps, lat lng, lat lon, spatial location, home location, coordinates",
        _W: "lat, lng, lon, location, geom, geometry",
    },
    "birth_date": {
        _S: "birth date, birthdate, date of birth, dob, birthday, birth day, born on, birth year, year of birth",
        _M: "birth, born",
    },
    "gender": {_S: "gender, sex"},
    "ethnicity": {_S: "ethnicity, ethnic group, ethnic origin, race", _W: "nation, folk"},
    "religion": {_S: "religion, religious belief, denomination, faith"},
    "political": {
        _S: "political status, political party, political affiliation, party member, union member, trade union"
    },
    "sexual_life": {_S: "sexual orientation"},
    "health": {
        _S: "diagnosis, blood type, blood group, medical record, disease, allergy, allergies, medication, disability, health status, "
        "icd code, illness, prescription, symptom, treatment note, sick leave, pregnancy",
        _W: "height, weight kg, bmi, medical",
    },
    "criminal": {_S: "criminal record, conviction, offence, criminal"},
    "biometric": {
        _S: "fingerprint, face feature, face template, iris, voice print, voiceprint, biometric, palm print, face id, retina, dna",
        _W: "template",
    },
    "photo": {
        _S: "photo, photograph, portrait, avatar image, selfie, head shot, id photo, signature image",
        _M: "picture, avatar, signature",
    },
    "marital_status": {_S: "marital status, marriage, married, marital, marriage status"},
    "nationality": {_S: "nationality, citizenship", _W: "country of birth"},
    "education": {
        _S: "education, edu level, degree, education level, school name, academic degree",
        _W: "school, university",
    },
    "occupation": {
        _S: "occupation, job title, profession, employer, employer name, work unit, company position, contact title, vocation",
        _M: "job, position held",
        _W: "title, position",
    },
    "id_card": {
        _S: "id card, identity card, national id, id number, identity number, cert no, cert number, citizen id, id no, idno, "
        "identification number, national id number, personal id number, national identifier, personal code, identity no, "
        "id card no, idcard, certificate number, nric, aadhaar, pesel, cpf, dni, personnummer, document number, id doc no, credential no",
        _W: "certificate no, cert",
    },
    "passport": {_S: "passport, passport no, passport number"},
    "driver_licence": {
        _S: "driver licence, driver license, driving licence, driving license, drivers license, licence number, license no driver"
    },
    "tax_number": {
        _S: "tax id, tax number, taxpayer id, tin, vat number, vat id, tax no, steuer id, tax file number",
        _W: "vat",
    },
    "social_security": {
        _S: "ssn, social security, social security number, nino, national insurance, insurance number, insurance no, "
        "social insurance, medicare number, nhs number, policy holder number, health insurance number, sin",
    },
    "company_id": {
        _S: "uscc, unified social credit code, social credit code, business licence no, company registration number, lei",
        _W: "registration number",
    },
    "bank_card": {
        _S: "card number, card no, bank card, bank card no, credit card number, debit card number, pan, cc number, credit card no, "
        "primary account number, card num",
        _W: "credit card, debit card, card",
    },
    "card_expiry": {
        _S: "expiry date, exp month, exp year, card expiry, expiration month, expiration year, card exp, exp date, expiry month, expiry year",
        _W: "expires on, expiration date, valid thru, expiry, expiration, valid to, good thru",
    },
    "card_code": {_S: "cvv, cvc, cvn, cvv 2, cvc 2, cvn 2, card verification, security code, card code, csc, cvv code"},
    "card_track": {_S: "track 1, track 2, track data, track, magnetic stripe, mag stripe, magstripe", _W: ""},
    "pin": {_S: "pin, pin block, pin code, card pin, pin number, pin offset, atm pin"},
    "account_number": {
        _S: "account number, account no, acct no, acct number, bank account, iban, bank account number, acct num, account num, "
        "payee account, payer account, beneficiary account, opp acct no, counterparty account, sort code account",
        _W: "account, acct, accno",
    },
    "secret": {
        _S: "password, passwd, pwd, passphrase, password hash, secret, api key, access token, refresh token, auth token, client secret, "
        "private key, secret key, password salt, token secret, credentials, security answer, otp, sms code, verification code, "
        "reset token, session token, encrypted password, query pwd, login pwd, access key, session key, one time password, totp, "
        "remember token, activation key, credential data, reset password token, api token, push token, encryption key, password digest, hashed password, user pass",
        _M: "token, salt, session id, session, passcode, otp code, pass, auth key, sessionid",
    },
    "balance": {
        _S: "balance, account balance, avail bal, available balance, current balance, ledger balance, acct bal, curr bal",
        _M: "bal",
    },
    "amount": {
        _S: "txn amt, transaction amount, payment amount, loan amount, loan amt, txn amount, trade amount, transfer amount, premium amount, claim amount",
        _M: "amount, amt, total due, sub total, subtotal, tax amt, total amount, grand total, order total, invoice total, amount paid, total paid, tax amount, total price, order amount",
        _W: "total, paid, due",
    },
    "salary": {
        _S: "salary, wage, wages, annual income, monthly income, income, base salary, pay rate, hourly rate, compensation, payroll, gross pay, "
        "net pay, basic pay, remuneration, household income, salary amount",
        _M: "bonus, commission, commission pct, stipend",
        _W: "pay, rate, earnings",
    },
    "credit": {
        _S: "credit score, credit limit, credit rating, overdue amount, fico, credit history, overdue cnt, overdue count, overdue days, "
        "delinquency, credit grade, debt ratio, asset total, net worth, total assets",
        _W: "risk level, risk score, overdue",
    },
    "ip_address": {
        _S: "ip address, ip addr, client ip, remote ip, login ip, sign in ip, source ip, remote addr, ipv4, ipv6, remote address, host ip, user ip, "
        "last ip, server ip, register ip, ip",
    },
    "device_id": {
        _S: "imei, imsi, mac address, mac addr, device id, device fingerprint, advertising id, idfa, android id, device uuid, iccid, "
        "device token, browser fingerprint, oaid, udid, meid, serial number device, cookie id, device no",
        _W: "mac, device",
    },
    "licence_plate": {
        _S: "licence plate, license plate, plate no, plate number, number plate, vehicle registration, car plate, vin"
    },
    "free_text": {
        _M: "additional contact info, resume, curriculum vitae, biography, cv text, about me, bio",
        _W: "notes, note, remark, remarks, comment, comments, memo, body, message, description, payload, content, details, feedback",
    },
}
"""Category: strength: names, which are phrases of words in lower case, commas between."""

CHINESE: Final[dict[str, dict[float, str]]] = {
    "name": {_S: "姓名 户名 持卡人 联系人 法定代表人 法人代表 客户名称 客户姓名 借款人 担保人 收款人 付款人 受益人 投保人 被保险人 经办人 柜员名 曾用名 收件人 寄件人 中文名 英文名 真实姓名 账户名称 配偶名 亲属名", _M: "负责人 用户名称 昵称 操作员名"},
    "user_name": {_S: "用户名 登录名 登陆名 登录账号 登陆账号 登录帐号 登录用户"},
    "phone": {_S: "手机 电话 联系方式 传真 移动号码 座机", _M: "联系号码"},
    "email": {_S: "邮箱 电子邮件 电子信箱 邮件地址"},
    "address": {_S: "地址 住址 住所 籍贯 通讯处 户籍所在地 邮编 邮政编码 门牌 街道"},
    "location": {_S: "经度 纬度 经纬度 地理位置 定位 行踪 轨迹"},
    "birth_date": {_S: "出生日期 出生年月 生日 出生日 出生时间"},
    "gender": {_S: "性别"},
    "ethnicity": {_S: "民族 种族"},
    "religion": {_S: "宗教 信仰"},
    "political": {_S: "政治面貌 党派"},
    "health": {_S: "病历 诊断 血型 病史 疾病 过敏 健康状况 残疾 病情 处方 用药 体检"},
    "criminal": {_S: "犯罪 前科"},
    "biometric": {_S: "指纹 人脸 虹膜 声纹 掌纹 面部特征 生物特征"},
    "photo": {_S: "照片 头像 相片 影像 签名图"},
    "marital_status": {_S: "婚姻 婚否"},
    "nationality": {_S: "国籍"},
    "education": {_S: "学历 文化程度 学位 教育程度 毕业院校"},
    "occupation": {_S: "职业 职务 职称 工作单位 单位名称 就职单位 从业", _M: "岗位"},
    "id_card": {_S: "身份证 证件号 身份号码 证号 公民身份"},
    "passport": {_S: "护照"},
    "driver_licence": {_S: "驾照 驾驶证"},
    "tax_number": {_S: "纳税人识别号 税号 税务登记号"},
    "social_security": {_S: "社保号 社保卡 社会保障号 医保号 医保卡 公积金账号"},
    "company_id": {_S: "统一社会信用代码 社会信用代码 信用代码 组织机构代码 营业执照号 工商注册号"},
    "bank_card": {_S: "银行卡号 卡号 信用卡号 借记卡号", _W: "银行卡"},
    "card_expiry": {_M: "有效期 到期年月"},
    "card_code": {_S: "安全码 验证值 卡片验证码 背面三位 校验码卡"},
    "card_track": {_S: "磁道 磁条"},
    "account_number": {_S: "账号 帐号 账户号 帐户号 银行账户 结算账户"},
    "secret": {_S: "密码 口令 密钥 私钥 令牌 验证码 密保 动态码"},
    "balance": {_S: "余额"},
    "amount": {_S: "交易金额 发生额 贷款金额 转账金额 保费 理赔金额", _M: "金额"},
    "salary": {_S: "工资 薪资 薪酬 薪水 月收入 年收入 收入 奖金"},
    "credit": {_S: "信用评分 征信 授信 信用额度 逾期 信用等级 总资产 负债"},
    "ip_address": {_S: "ip地址 登录ip 登录地址 客户端地址 终端ip"},
    "device_id": {_S: "设备号 设备标识 设备指纹 mac地址 终端号 设备编号"},
    "licence_plate": {_S: "车牌 车辆号牌 车架号"},
    "free_text": {_W: "备注 附言 说明 摘要 留言 内容"},
}  # fmt: skip
"""Category: strength: words that occur in a name or comment, spaces between."""

NOT_CHINESE: Final = (
    *(
        "类型",
        "类别",
        "状态",
        "标志",
        "标识位",
        "等级",
        "时间",
        "次数",
        "代码表",
        "种类",
        "格式",
        "机构",
        "是否",
        "渠道",
        "方式代码",
    ),
    *("更新日期", "个数", "数量", "产品", "部门", "网点", "支行", "菜单", "文件", "表名", "字段"),
)
"""A Chinese name or comment that ends or begins with one of these speaks about the thing, not the thing itself."""

SYLLABLES: Final[dict[str, dict[float, str]]] = {
    "name": {_S: "xingming xingmin kehuxingming lianxiren chikaren huming kehumingcheng"},
    "user_name": {_S: "yonghuming dengluming dengluzhanghao"},
    "phone": {_S: "shouji shoujihao shoujihaoma dianhua lianxidianhua dianhuahaoma chuanzhen lianxifangshi"},
    "email": {_S: "youxiang dianziyouxiang dianziyoujian"},
    "address": {_S: "dizhi zhuzhi tongxundizhi jiatingdizhi lianxidizhi youbian youzhengbianma"},
    "birth_date": {_S: "chushengriqi shengri chushengnianyue"},
    "gender": {_S: "xingbie"},
    "ethnicity": {_S: "minzu"},
    "religion": {_S: "zongjiao"},
    "marital_status": {_S: "hunyin hunyinzhuangkuang"},
    "nationality": {_M: "guoji"},
    "education": {_S: "xueli wenhuachengdu"},
    "occupation": {_S: "zhiye gongzuodanwei zhiwu"},
    "id_card": {_S: "shenfenzheng shenfenzhenghao shenfenzhenghaoma zhengjianhao zhengjianhaoma"},
    "passport": {_S: "huzhao huzhaohao"},
    "bank_card": {_S: "yinhangka yinhangkahao kahao xinyongkahao"},
    "account_number": {_S: "zhanghao yinhangzhanghao zhanghuhao"},
    "secret": {_S: "mima kouling yanzhengma miyao"},
    "balance": {_S: "yue zhanghuyue"},
    "amount": {_S: "jine jiaoyijine"},
    "salary": {_S: "gongzi xinzi shouru nianshouru yueshouru"},
    "licence_plate": {_S: "chepai chepaihao"},
    "free_text": {_W: "beizhu"},
}
"""The same, spelt out in pinyin."""

INITIALS: Final[dict[str, dict[float, str]]] = {
    "name": {
        _S: "khxm",
        _M: "xm khmc zhmc lxr lxrxm frxm fddbr dfhm ckr ckrxm jkrxm dbrxm zwxm hm zsxm xingm jbrxm skrmc fkrmc skrxm fkrxm",
        _W: "mc jbr fr skr fkr",
    },
    "user_name": {_M: "yhm dlm dlzh", _W: "yhmc dlh"},
    "phone": {_S: "sjhm sjhmc", _M: "sjh lxdh bgdh jtdh gddh dwdh lxfs yddh zzdh dhhm yddhhm lxsj", _W: "sj dh cz"},
    "email": {_M: "dzyx dzyj yxdz", _W: "yx"},
    "address": {_M: "jtdz txdz hjdz lxdz xxdz dwdz yjdz jzdz yzbm zzdz hkdz", _W: "dz zz yb"},
    "birth_date": {_S: "csrq", _M: "csny", _W: "sr"},
    "gender": {_M: "xb"},
    "ethnicity": {_M: "mz"},
    "religion": {_W: "zj zjxy"},
    "marital_status": {_M: "hyzk hyqk", _W: "hf"},
    "nationality": {_W: "gj"},
    "education": {_M: "whcd zgxl", _W: "xl xw"},
    "occupation": {_M: "gzdw", _W: "zy zw dwmc"},
    "id_card": {_S: "sfzh sfzhm sfzjhm", _M: "zjhm zjh sfz sfzjh zjhao"},
    "passport": {_M: "hzhm", _W: "hzh"},
    "social_security": {_M: "sbkh sbh ybkh"},
    "company_id": {_S: "tyshxydm shxydm", _M: "xydm zzjgdm"},
    "bank_card": {_S: "yhkh", _M: "xykh jjkh", _W: "kh"},
    "card_expiry": {_W: "yxq"},
    "card_code": {_M: "aqm", _W: ""},
    "account_number": {_M: "yhzh dfzh skzh fkzh zhh jszh skrzh fkrzh", _W: "zh"},
    "secret": {_M: "jymm cxmm dlmm zfmm yhmm", _W: "mm kl yzm"},
    "balance": {_M: "zhye kyye dkye ckye", _W: "ye"},
    "amount": {_M: "jyje dkje hkje fkje sqje fse zzje", _W: "je"},
    "salary": {_M: "nsr ysr gzsr", _W: "gz sr"},
    "credit": {_M: "sxed xyed", _W: "yqts xydj"},
    "licence_plate": {_M: "cphm cph"},
    "free_text": {_W: "bzxx"},
}
"""The same in the initials of pinyin. They are short, so few say much by themselves: a table full of them says the rest."""

PINYIN_ROLES: Final = (
    "fddbr",
    "btbr",
    "dbr",
    "dkr",
    "jkr",
    "lxr",
    "ckr",
    "skr",
    "fkr",
    "bdbr",
    "jbr",
    "tbr",
    "syr",
    "sqr",
    "kh",
    "fr",
    "po",
    "df",
)
"""Initials of who is meant (the borrower, the guarantor ...), which stand before what is meant of them."""

PERSONS: Final = _words(
    "customer cust client person people user employee emp staff teller patient member student teacher doctor guarantor borrower lender "
    "applicant beneficiary contact holder owner manager agent author reviewer recipient sender payee payer driver passenger guest tenant "
    "insured subscriber spouse father mother parent child kin actor candidate player cardholder opp opponent counterparty consignee "
    "representative rep operator assignee requester buyer seller legal signatory partner friend user users individual citizen profile "
    "nurse worker officer clerk resident heir visitor donor voter participant attendee lead human self nominee"
)  # fmt: skip
"""Who has a name of their own. Of all others (a product, a file, a branch) a `name` is none of a person."""

ALONE: Final[dict[str, str]] = {
    "first": "name",
    "last": "name",
    "middle": "name",
    "title": "occupation",
    "position": "occupation",
}
"""Words that say something when they are the whole name of a column in a table of people."""

WITHIN: Final = (
    "password",
    "passwd",
    "telephone",
    "phone",
    "mobile",
    "email",
    "birthday",
    "birthdate",
    "surname",
    "passport",
    "salary",
    "address",
)
"""Words that are recognised at the end of a longer one, too: `newpassword`."""

NOT_WITHIN: Final = frozenset(
    {"headphone", "microphone", "earphone", "megaphone", "saxophone", "xylophone", "automobile", "webaddress"}
)
"""Longer words that end so and are something else."""

SILENT: Final = _words(
    "no nr num number nbr value val text txt str string enc encrypted cipher plain raw full primary secondary main default current new old last "
    "first original hash hashed digest masked zh en cn us uk a b c x y col column field info data address code home work office"
)  # fmt: skip
"""Words after the one that counts which leave its meaning as it is."""

TURNING: Final = _words(
    "id ids key fk pk uuid guid type types kind class category cat status state flag count cnt total verified confirmed valid validated validation at on "
    "time timestamp date enabled disabled active format length len country region city version url uri path link index idx level rank sent tries attempts "
    "attempt policy expires expiry expired changed updated created modified changes order seq group lang language locale prefix suffix mask "
    "required optional allowed limit method channel mode source provider service server template subject size width color colour label style promotion "
    "approval history freq frequency pct percent ratio min max avg rule rules name scope extension ext area brand reason zone"
)  # fmt: skip
"""Words after the one that counts which speak about it: `phone_type`, `email_verified_at`, `address_id`."""

QUESTIONS: Final = _words("is has have can allow allows num count cnt show enable sent")
"""Words before the one that counts which ask about it: `is_phone_confirmed`."""
